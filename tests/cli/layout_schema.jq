# true where the document is what `mete layout --json` promises.
def count: type == "number" and . >= 0 and floor == .;
def text_or_null: type == "string" or . == null;
def count_or_null: . == null or count;
(.types | type == "array") and all(.types[];
    (.name | type == "string") and (.kind | IN("struct", "union", "class")) and
    all(.size, .align, .holes, .hole_bytes, .bit_holes, .tail_padding, .cachelines; count) and
    (.file | text_or_null) and (.line | count_or_null) and
    all(.members[];
        (.name | text_or_null) and (.type | type == "string") and
        all(.offset, .size; count) and all(.bit_offset, .bit_size; count_or_null) and
        (.pointee == null or
            ((.pointee.kind | IN("struct", "union", "class")) and
                all(.pointee.size, .pointee.align; count) and (.pointee.members | type == "array")))) and
    (.reordered == null or
        ((.reordered.size | count) and all(.reordered.order[]; type == "string"))))
