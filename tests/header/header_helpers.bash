# What the tests of the headers share.

# hostile_names: declarations of the plain names that a macro might have used for its own.
hostile_names() {
    local name
    for name in allocator any argument block box destructor dropped error file function guard \
        made moved name old once out place pointer resource result saved self shared site size slot \
        status stolen taken value variable weak; do
        echo "extern double $name;"
        echo "double $name;"
    done
}

c_compilers='gcc clang'
cxx_compilers='g++ clang++'

# compiles COMPILER OPTION… <SOURCE: true where it does, with warnings as errors.
compiles() {
    local language=c
    case $1 in *++*) language=c++ ;; esac
    "$@" -x "$language" -Wall -Wextra -Wconversion -Wshadow -Wundef -Werror \
        -I"$METE_SOURCE/include" -c - -o out.o
}

# refuses TEXT COMPILER OPTION… <SOURCE: it does not compile, and the compiler says TEXT.
refuses() {
    local text=$1
    shift
    if compiles "$@" >said 2>&1; then
        echo "$*: compiled, although '$text' was expected"
        return 1
    fi
    grep -q -e "$text" said || {
        echo "$*: '$text' is not in what it said:"
        cat said
        return 1
    }
}
