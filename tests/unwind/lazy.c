/* A function whose address is found when it is first called, by a function of its own. */
void (*lazy_callback)(void);
void lazy_call(void);

static void nothing(void) {}

__attribute__((used)) static void (*resolve(void))(void) {
    if (lazy_callback != 0) lazy_callback();
    return nothing;
}

void lazy_target(void) __attribute__((ifunc("resolve")));

void lazy_call(void) {
    lazy_target();
    __asm__ volatile("");
}
