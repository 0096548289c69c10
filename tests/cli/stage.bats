#!/usr/bin/env bats
# The installed tree: complete, usable by pkg-config, and free to be moved.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR"
}

@test "stage_holds_both_libraries_in_both_forms" {
    for library in libmete libmete_malloc; do
        [ -f "$METE_STAGE/lib/$library.a" ]
        [ -f "$METE_STAGE/lib/$library.so" ]
    done
}

@test "stage_holds_every_public_header_and_manual_page" {
    for header in "$METE_SOURCE"/include/mete/*.h; do
        cmp "$header" "$METE_STAGE/include/mete/${header##*/}"
    done
    for page in "$METE_SOURCE"/docs/man/*.[1-8]; do
        [ -e "$page" ] || continue
        [ -e "$METE_STAGE/share/man/man${page##*.}/${page##*/}" ]
    done
}

@test "static_libraries_hold_their_objects_not_their_paths" {
    for library in libmete libmete_malloc; do
        [ "$(head -c 7 "$METE_STAGE/lib/$library.a")" = '!<arch>' ]
    done
}

@test "shared_libraries_carry_a_versioned_soname" {
    for library in libmete libmete_malloc; do
        readelf -d "$METE_STAGE/lib/$library.so" | grep -q "soname: \[$library.so.0\]"
    done
}

@test "libraries_depend_on_libc_only" {
    for library in libmete libmete_malloc; do
        run bash -c "readelf -d '$METE_STAGE/lib/$library.so' | grep NEEDED | grep -v -e 'libc\.so' -e 'ld-linux'"
        [ -z "$output" ]
    done
}

@test "libraries_are_bound_at_once_and_read_only_after" {
    for library in libmete libmete_malloc; do
        readelf -d "$METE_STAGE/lib/$library.so" | grep -q 'FLAGS.*NOW'
        readelf -lW "$METE_STAGE/lib/$library.so" | grep -q GNU_RELRO
        run ! grep -q TEXTREL <(readelf -d "$METE_STAGE/lib/$library.so")
    done
}

@test "a_program_links_against_a_moved_tree" {
    cp -R "$METE_STAGE" moved
    printf 'int main(void) { return 0; }\n' >main.c
    for library in mete mete_malloc; do
        flags=$(PKG_CONFIG_PATH="$PWD/moved/lib/pkgconfig" pkg-config --cflags --libs "$library")
        [[ "$flags" == *"$PWD/moved/lib"* ]]
        cc main.c -Wl,--no-as-needed $flags -o main
        LD_LIBRARY_PATH="$PWD/moved/lib" ./main
        cc main.c -static $flags -o main_static
        ./main_static
    done
}

@test "pkg_config_quotes_a_space_in_the_trees_place" {
    cp -R "$METE_STAGE" "a b"
    flags=$(PKG_CONFIG_PATH="$PWD/a b/lib/pkgconfig" pkg-config --libs mete)
    [[ "$flags" == *'/a\ b/lib'* ]]
}

@test "libmete_malloc_can_be_preloaded" {
    [ "$(LD_PRELOAD="$METE_STAGE/lib/libmete_malloc.so" echo works 2>&1)" = works ]
}

# With -lmete the program's own handler would be the one that runs, and has to ask.
@test "with_libmete_malloc_a_later_handler_leaves_cut_files_to_the_map" {
    cat >later.c <<'END'
#include <mete/map.h>
#include <signal.h>
#include <unistd.h>

static void die(int number) {
    _exit(number);
}

int main(void) {
    const struct sigaction action = {.sa_handler = die};
    struct sigaction old;
    mete_map *map;

    if (mete_map_open(&map, "file", NULL) != 0 || sigaction(SIGBUS, &action, &old) != 0) return 1;
    if (old.sa_handler != SIG_DFL || truncate("file", 0) != 0) return 2;
    if (*(const volatile char *)mete_map_data(map) != 0 || mete_map_error(map) == 0) return 3;
    return mete_map_close(map);
}
END
    export PKG_CONFIG_PATH=$METE_STAGE/lib/pkgconfig LD_LIBRARY_PATH=$METE_STAGE/lib
    # shellcheck disable=SC2046 # a list of options
    cc later.c $(pkg-config --cflags --libs mete_malloc) -o later
    printf text >file
    run -0 ./later
}
