#!/usr/bin/env bats
# Every command's --help and its manual page list the same options.

load run_helpers

# The long options in a text, one a line.
long_options() { grep -oE -- '--[a-z][a-z-]+' | sort -u; }

page() { mandoc -T ascii "$METE_STAGE/share/man/man1/$1.1" | col -b; }

commands() { mete help | sed -n 's/^  \([a-z]*\) .*/\1/p' | grep -vx -e help -e version; }

@test "every_command_has_a_manual_page" {
    [ -n "$(commands)" ]
    for command in $(commands); do
        [ -f "$METE_STAGE/share/man/man1/mete-$command.1" ]
        page mete | grep -q "^ *$command"
    done
}

@test "help_and_manual_list_the_same_options" {
    for command in $(commands); do
        mete "$command" --help | grep '^  ' | long_options >helped
        page "mete-$command" | grep -E '^ +-' | long_options >described
        diff helped described
    done
}
