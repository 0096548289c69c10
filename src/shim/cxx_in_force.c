/*
 * shim/cxx_in_force.h: a file of its own, because here the compiler must not know that these names
 * are also defined by us, or it would conclude that they are the ones in force.
 */
#include "shim/cxx_in_force.h"

#define DECLARE(field, name, result, arguments) extern result name arguments;
METE__CXX_OPERATORS(DECLARE)

const struct mete__cxx_in_force mete__cxx_in_force = {
#define IN_FORCE(field, name, result, arguments) .field = (name),
    METE__CXX_OPERATORS(IN_FORCE)};
