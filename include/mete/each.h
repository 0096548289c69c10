/*
 * mete/each.h - a macro applied to each of a list of arguments.
 *
 * For lists of a struct's members, given once (mete/layout.h). The list has 1 to 48 arguments, and
 * may itself be a macro.
 */
#ifndef METE_EACH_H
#define METE_EACH_H

#define METE_EACH_MAX 48

/* step(context, argument) for each argument, one after the other, nothing in between. */
#define METE_EACH(step, context, ...) \
    METE__EACH_OF(METE_COUNT_ARGUMENTS(__VA_ARGS__), step, context, __VA_ARGS__)

/* How many arguments there are, 1 to METE_EACH_MAX. */
#define METE_COUNT_ARGUMENTS(...)                                                                 \
    METE__PICK_COUNT(__VA_ARGS__, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33, \
                     32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14,  \
                     13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define METE__PICK_COUNT(_1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13, _14, _15, _16, \
                         _17, _18, _19, _20, _21, _22, _23, _24, _25, _26, _27, _28, _29, _30,  \
                         _31, _32, _33, _34, _35, _36, _37, _38, _39, _40, _41, _42, _43, _44,  \
                         _45, _46, _47, _48, count, ...)                                        \
    count

#define METE__EACH_OF(count, step, context, ...)  METE__EACH_OF_(count, step, context, __VA_ARGS__)
#define METE__EACH_OF_(count, step, context, ...) METE__EACH_##count(step, context, __VA_ARGS__)
#define METE__EACH_1(s, c, a)                     s(c, a)
#define METE__EACH_2(s, c, a, ...)                s(c, a) METE__EACH_1(s, c, __VA_ARGS__)
#define METE__EACH_3(s, c, a, ...)                s(c, a) METE__EACH_2(s, c, __VA_ARGS__)
#define METE__EACH_4(s, c, a, ...)                s(c, a) METE__EACH_3(s, c, __VA_ARGS__)
#define METE__EACH_5(s, c, a, ...)                s(c, a) METE__EACH_4(s, c, __VA_ARGS__)
#define METE__EACH_6(s, c, a, ...)                s(c, a) METE__EACH_5(s, c, __VA_ARGS__)
#define METE__EACH_7(s, c, a, ...)                s(c, a) METE__EACH_6(s, c, __VA_ARGS__)
#define METE__EACH_8(s, c, a, ...)                s(c, a) METE__EACH_7(s, c, __VA_ARGS__)
#define METE__EACH_9(s, c, a, ...)                s(c, a) METE__EACH_8(s, c, __VA_ARGS__)
#define METE__EACH_10(s, c, a, ...)               s(c, a) METE__EACH_9(s, c, __VA_ARGS__)
#define METE__EACH_11(s, c, a, ...)               s(c, a) METE__EACH_10(s, c, __VA_ARGS__)
#define METE__EACH_12(s, c, a, ...)               s(c, a) METE__EACH_11(s, c, __VA_ARGS__)
#define METE__EACH_13(s, c, a, ...)               s(c, a) METE__EACH_12(s, c, __VA_ARGS__)
#define METE__EACH_14(s, c, a, ...)               s(c, a) METE__EACH_13(s, c, __VA_ARGS__)
#define METE__EACH_15(s, c, a, ...)               s(c, a) METE__EACH_14(s, c, __VA_ARGS__)
#define METE__EACH_16(s, c, a, ...)               s(c, a) METE__EACH_15(s, c, __VA_ARGS__)
#define METE__EACH_17(s, c, a, ...)               s(c, a) METE__EACH_16(s, c, __VA_ARGS__)
#define METE__EACH_18(s, c, a, ...)               s(c, a) METE__EACH_17(s, c, __VA_ARGS__)
#define METE__EACH_19(s, c, a, ...)               s(c, a) METE__EACH_18(s, c, __VA_ARGS__)
#define METE__EACH_20(s, c, a, ...)               s(c, a) METE__EACH_19(s, c, __VA_ARGS__)
#define METE__EACH_21(s, c, a, ...)               s(c, a) METE__EACH_20(s, c, __VA_ARGS__)
#define METE__EACH_22(s, c, a, ...)               s(c, a) METE__EACH_21(s, c, __VA_ARGS__)
#define METE__EACH_23(s, c, a, ...)               s(c, a) METE__EACH_22(s, c, __VA_ARGS__)
#define METE__EACH_24(s, c, a, ...)               s(c, a) METE__EACH_23(s, c, __VA_ARGS__)
#define METE__EACH_25(s, c, a, ...)               s(c, a) METE__EACH_24(s, c, __VA_ARGS__)
#define METE__EACH_26(s, c, a, ...)               s(c, a) METE__EACH_25(s, c, __VA_ARGS__)
#define METE__EACH_27(s, c, a, ...)               s(c, a) METE__EACH_26(s, c, __VA_ARGS__)
#define METE__EACH_28(s, c, a, ...)               s(c, a) METE__EACH_27(s, c, __VA_ARGS__)
#define METE__EACH_29(s, c, a, ...)               s(c, a) METE__EACH_28(s, c, __VA_ARGS__)
#define METE__EACH_30(s, c, a, ...)               s(c, a) METE__EACH_29(s, c, __VA_ARGS__)
#define METE__EACH_31(s, c, a, ...)               s(c, a) METE__EACH_30(s, c, __VA_ARGS__)
#define METE__EACH_32(s, c, a, ...)               s(c, a) METE__EACH_31(s, c, __VA_ARGS__)
#define METE__EACH_33(s, c, a, ...)               s(c, a) METE__EACH_32(s, c, __VA_ARGS__)
#define METE__EACH_34(s, c, a, ...)               s(c, a) METE__EACH_33(s, c, __VA_ARGS__)
#define METE__EACH_35(s, c, a, ...)               s(c, a) METE__EACH_34(s, c, __VA_ARGS__)
#define METE__EACH_36(s, c, a, ...)               s(c, a) METE__EACH_35(s, c, __VA_ARGS__)
#define METE__EACH_37(s, c, a, ...)               s(c, a) METE__EACH_36(s, c, __VA_ARGS__)
#define METE__EACH_38(s, c, a, ...)               s(c, a) METE__EACH_37(s, c, __VA_ARGS__)
#define METE__EACH_39(s, c, a, ...)               s(c, a) METE__EACH_38(s, c, __VA_ARGS__)
#define METE__EACH_40(s, c, a, ...)               s(c, a) METE__EACH_39(s, c, __VA_ARGS__)
#define METE__EACH_41(s, c, a, ...)               s(c, a) METE__EACH_40(s, c, __VA_ARGS__)
#define METE__EACH_42(s, c, a, ...)               s(c, a) METE__EACH_41(s, c, __VA_ARGS__)
#define METE__EACH_43(s, c, a, ...)               s(c, a) METE__EACH_42(s, c, __VA_ARGS__)
#define METE__EACH_44(s, c, a, ...)               s(c, a) METE__EACH_43(s, c, __VA_ARGS__)
#define METE__EACH_45(s, c, a, ...)               s(c, a) METE__EACH_44(s, c, __VA_ARGS__)
#define METE__EACH_46(s, c, a, ...)               s(c, a) METE__EACH_45(s, c, __VA_ARGS__)
#define METE__EACH_47(s, c, a, ...)               s(c, a) METE__EACH_46(s, c, __VA_ARGS__)
#define METE__EACH_48(s, c, a, ...)               s(c, a) METE__EACH_47(s, c, __VA_ARGS__)

#endif
