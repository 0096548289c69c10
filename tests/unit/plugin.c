/* What test_modules.c loads and unloads, compiled twice: PLUGIN_NUMBER is all that differs. */
int plugin_number(void);
int plugin_call(int (*callback)(void));

int plugin_number(void) {
    return PLUGIN_NUMBER;
}

int plugin_call(int (*callback)(void)) {
    return callback() + PLUGIN_NUMBER;
}
