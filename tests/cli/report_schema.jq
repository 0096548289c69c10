# What contract there is about the JSON of a report: true, or an error that names the first thing wrong.
def expect(condition; what): if condition then . else error("JSON report: \(what)") end;
def is_count: type == "number" and . >= 0 and . == floor;
def check_counts(keys; where):
    . as $object
    | reduce keys[] as $key (.; expect($object[$key] | is_count; "\(where).\($key)"));
def check_frame(where):
    expect(type == "object"; where)
    | expect(.function | type == "string" or type == "null"; "\(where).function")
    | expect(.file | type == "string" or type == "null"; "\(where).file")
    | expect((.line | type) == "null" or (.line | is_count and . > 0); "\(where).line")
    | expect(.module | type == "string"; "\(where).module")
    | expect(.address | test("^0x[0-9a-f]+$"); "\(where).address")
    | expect(.inlined | type == "boolean"; "\(where).inlined");
def check_stack(where):
    expect(type == "array"; where)
    | . as $stack
    | reduce range(length) as $i (.; ($stack[$i] | check_frame("\(where)[\($i)]")) as $ok | .);
def check_leaks:
    . as $leaks
    | reduce ("definite", "indirect", "possible", "reachable") as $kind
        (.; ($leaks[$kind] | check_counts(["bytes", "blocks"]; "leaks.\($kind)")) as $ok | .)
    | expect(.records | type == "array"; "leaks.records");
def check_leak:
    expect(.kind | IN("definite", "indirect", "possible", "reachable"); "leaks.records.kind")
    | check_counts(["bytes", "blocks"]; "leaks.records")
    | (.stack | check_stack("leaks.records.stack")) as $ok | .;
def check_error:
    expect(.kind | IN("double-free", "invalid-free", "interior-free", "mismatched-free",
                      "heap-overflow", "heap-underflow", "use-after-free", "write-after-free");
           "errors.kind")
    | expect(.address | test("^0x[0-9a-f]+$"); "errors.address")
    | check_counts(["block_bytes"]; "errors")
    | expect(.offset | type == "number"; "errors.offset")
    | (.stack | check_stack("errors.stack")) as $a
    | (.allocated_at | check_stack("errors.allocated_at")) as $b
    | (.freed_at | check_stack("errors.freed_at")) as $c | .;
def check_holder:
    expect(.kind | IN("pool", "arena", "file map", "heap", "allocator"); "holders.kind")
    | expect(.name | type == "string"; "holders.name")
    | check_counts(["created", "not_destroyed", "reserved_bytes", "live_bytes", "live_blocks",
                    "peak_bytes"]; "holders")
    | (.stack | check_stack("holders.stack")) as $ok | .;
def check_type:
    expect(.name | type == "string" or type == "null"; "types.name")
    | expect((.name == null) == (.size == null); "types.size is null where unknown")
    | expect(.certain | type == "boolean"; "types.certain")
    | check_counts(["allocations", "allocated_bytes"]; "types")
    | (.live | check_counts(["blocks", "bytes", "rounding"]; "types.live")) as $live
    | (.peak | check_counts(["blocks", "bytes", "rounding"]; "types.peak")) as $peak | .;
def check_site:
    check_counts(["allocations", "frees", "allocated_bytes", "live_bytes", "live_blocks",
                  "peak_live_bytes", "temporary"]; "sites")
    | expect(.type | type == "string" or type == "null"; "sites.type")
    | expect(.type_confidence | IN("certain", "likely", "unknown"); "sites.type_confidence")
    | expect((.type == null) == (.type_confidence == "unknown"); "sites.type is null where unknown")
    | expect(.type_evidence | type == "string" or type == "null"; "sites.type_evidence")
    | expect(.type_form | IN(null, "one", "array", "flexible", "tail", "bytes"); "sites.type_form")
    | expect(.type_bytes | type == "null" or is_count; "sites.type_bytes")
    | expect(.type_header | type == "null" or is_count; "sites.type_header")
    | (.stack | check_stack("sites.stack")) as $ok | .;

expect(.mete | type == "string"; "mete")
| expect(.mode | IN("stats", "sampled", "exact", "check", "guard"); "mode")
| (.program
   | expect(.argv | type == "array" and all(type == "string"); "program.argv")
   | expect(.pid | is_count; "program.pid")
   | expect(.exit_status | type == "null" or is_count; "program.exit_status")
   | expect(.signal | type == "null" or is_count; "program.signal")
   | expect(.wall_seconds | type == "number"; "program.wall_seconds")) as $ok
| (.totals | check_counts(["allocations", "frees", "allocated_bytes", "freed_bytes", "live_blocks",
                           "live_bytes", "peak_live_bytes", "temporary_allocations"];
                          "totals")) as $ok
| expect(has("leaks"); "leaks")
| (if .leaks == null then . else (.leaks | check_leaks) as $ok | . end)
| ([.leaks.records[]? | check_leak] | length) as $ok
| ([.errors[] | check_error] | length) as $ok
| ([.sites[] | check_site] | length) as $ok
| ([.types[] | check_type] | length) as $ok
| ([.holders[] | check_holder] | length) as $ok
| expect(.mode != "exact"
         or ([.sites[].allocations] | add // 0) == .totals.allocations; "sum of sites.allocations")
| expect(.mode != "exact"
         or ([.sites[].allocated_bytes] | add // 0) == .totals.allocated_bytes;
         "sum of sites.allocated_bytes")
| expect(.totals.allocations - .totals.frees == .totals.live_blocks; "totals.live_blocks")
| expect(.totals.allocated_bytes - .totals.freed_bytes == .totals.live_bytes; "totals.live_bytes")
| true
