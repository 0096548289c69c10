#!/usr/bin/env bats
# `mete layout` of types that are neither C's nor C++'s, as rustc and gnat describe them.

load layout_helpers

# The DWARF of one unit, an entry a line: abbreviation, then what it has, as macros below take them.
write_rust() {
    cat >rust.s <<'S'
        .macro abbrev code, tag, has_children
        .uleb128 \code, \tag
        .byte \has_children
        .endm
        .macro has attribute, form
        .uleb128 \attribute, \form
        .endm
        .macro ends
        .byte 0, 0
        .endm
        .section .debug_abbrev,"",@progbits
abbrevs:
        abbrev 1, 0x11, 1       # unit: language
        has 0x13, 0x05
        ends
        abbrev 2, 0x24, 0       # base type: name, size, encoding
        has 0x03, 0x08
        has 0x0b, 0x0b
        has 0x3e, 0x0b
        ends
        abbrev 3, 0x13, 1       # struct: name, size
        has 0x03, 0x08
        has 0x0b, 0x0b
        ends
        abbrev 4, 0x0d, 0       # member: name, type, offset
        has 0x03, 0x08
        has 0x49, 0x13
        has 0x38, 0x0b
        ends
        abbrev 5, 0x33, 1       # parts that vary
        ends
        abbrev 6, 0x0d, 0       # member that tells them apart: type, offset
        has 0x49, 0x13
        has 0x38, 0x0b
        ends
        abbrev 7, 0x19, 1       # one of them
        ends
        .byte 0

        .macro base label, name, size
\label: .uleb128 2
        .asciz "\name"
        .byte \size, 7
        .endm
        .macro struct label, name, size
\label: .uleb128 3
        .asciz "\name"
        .byte \size
        .endm
        .macro member name, type, offset
        .uleb128 4
        .asciz "\name"
        .long \type - unit
        .byte \offset
        .endm
        .section .debug_info,"",@progbits
unit:   .long end - start
start:  .short 4
        .long abbrevs
        .byte 8
        .uleb128 1
        .short 0x1c             # Rust
        base u8, u8, 1
        base u16, u16, 2
        base u64, u64, 8
        struct point, Point, 16
        member kind, u8, 10
        member place, u64, 0
        member weight, u16, 8
        .byte 0
        struct shape, Shape, 24
        .uleb128 5
        .uleb128 6
        .long u8 - unit
        .byte 0
        .uleb128 7
        member Dot, dot, 0
        .byte 0
        .uleb128 7
        member At, at, 0
        .byte 0
        .byte 0
        struct dot, Dot, 24
        member __0, u16, 2
        .byte 0
        struct at, At, 24
        member __0, point, 8
        .byte 0
        .byte 0
        .byte 0
end:
S
    gcc -c rust.s
}

@test members_are_shown_as_they_lie {
    write_rust
    json rust.o
    holds '[.types[] | select(.name == "Point") | .members[].name] ==
        ["place", "weight", "kind"]'
    holds '.types[] | select(.name == "Point") | .holes == 0 and .tail_padding == 5'
}

@test what_one_variant_leaves_is_no_padding {
    write_rust
    json rust.o
    holds '.types[] | select(.name == "Shape") | .size == 24 and .holes == 0 and
        .tail_padding == 0 and (.members | length) == 1'
    holds '[.types[] | select(.name == "Shape::Dot" or .name == "Shape::At") |
        .holes + .tail_padding] == [0, 0]'
    run -0 mete layout rust.o Shape
    [[ $output == *'union {'*'u8;'*'Dot Dot;'*'At At;'* ]]
}

@test their_members_are_left_in_their_order {
    write_rust
    run -0 mete layout rust.o --reorder Point
    [[ $output == *'stays as it is: only structs of C and C++ are reordered'* ]]
}

@test a_record_with_a_part_that_varies_is_no_struct_of_all {
    command -v gnatmake >/dev/null || skip "no Ada compiler"
    cat >varies.adb <<'ADA'
procedure Varies is
   type Kind is (Small, Large);
   type Thing (Of_Kind : Kind := Small) is record
      Number : Integer;
      case Of_Kind is
         when Small => Little : Short_Integer;
         when Large => Much : Long_Float; Letter : Character;
      end case;
   end record;
   It : Thing;
begin
   It := (Of_Kind => Large, Number => 1, Much => 2.0, Letter => 'c');
   if It.Number = 2 then raise Program_Error; end if;
end Varies;
ADA
    gnatmake -q -g varies.adb
    run -0 mete layout varies '*thing'
    [[ $output == *'number;'*'union {'*'little;'*'much;'*'letter;'* ]]
}
