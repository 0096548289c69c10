# What the tests of the headers share.

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
