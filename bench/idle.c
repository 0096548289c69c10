/* A program that does nothing: what it takes is the C library's, the loader's and the heap's. */
#include <stdlib.h>

int main(void) {
    free(malloc(100)); /* most programs do as much */
    return 0;
}
