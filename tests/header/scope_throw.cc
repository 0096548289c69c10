/* The two functions of scope_exits.c that only C++ has. */
extern "C" {
void scope_throw(void);
void scope_catch(void (*middle)(void));
}

void scope_throw(void) {
    throw 1;
}

void scope_catch(void (*middle)(void)) {
    try {
        middle();
    } catch (int) {
    }
}
