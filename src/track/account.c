/* track/account.h: an array by stack, in two levels, of the stack's only site or its account. */
#include "track/account.h"

#include "os/meta.h"

enum {
    LEAF_SHIFT = 13, /* 8192 stacks: 64 KiB */
    LEAVES = 8192,   /* 64 Mi stacks, as many as a profile of 1 GiB has room for */
};

struct account {
    int64_t live;            /* atomic: bytes, as told */
    int64_t peak;            /* atomic: of live */
    struct mete__site *home; /* the stack's first site; the profile has the peak in its record */
    int64_t home_told;       /* home's part of live when the account was opened */
};

/* 0: no site yet; a struct mete__site: the only one; a struct account, with the lowest bit set. */
static uintptr_t *leaves[LEAVES]; /* atomic */
#define IS_ACCOUNT ((uintptr_t)1)

static uintptr_t *slot_of(uint32_t stack) {
    uint32_t index = stack >> LEAF_SHIFT;
    uintptr_t *leaf = index < LEAVES ? __atomic_load_n(&leaves[index], __ATOMIC_ACQUIRE) : NULL;

    if (index >= LEAVES) return NULL;
    if (leaf == NULL) {
        uintptr_t *fresh = mete__meta_alloc(sizeof *fresh << LEAF_SHIFT);
        if (fresh == NULL) return NULL;
        if (__atomic_compare_exchange_n(&leaves[index], &leaf, fresh, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE))
            leaf = fresh;
        else
            mete__meta_free(fresh, sizeof *fresh << LEAF_SHIFT);
    }
    return &leaf[stack & ((1u << LEAF_SHIFT) - 1)];
}

static void raise_peak(const struct mete__site_table *table, struct account *account,
                       int64_t live) {
    int64_t peak = __atomic_load_n(&account->peak, __ATOMIC_RELAXED);
    while (live > peak) {
        if (!__atomic_compare_exchange_n(&account->peak, &peak, live, false, __ATOMIC_RELAXED,
                                         __ATOMIC_RELAXED))
            continue;
        struct mete_profile_site *record = mete__site_record(table, account->home);
        __atomic_store_n(&record->own_peak_bytes, live, __ATOMIC_RELAXED);
        return;
    }
}

/* Puts an account in the place of the stack's only site so far; false where that has changed, or
 * there is no memory: then each shard keeps a peak of its own. */
static bool open_account(uintptr_t *slot, uintptr_t only) {
    struct mete__site *home = (struct mete__site *)only;
    struct account *account = mete__meta_alloc(sizeof *account);

    if (account == NULL) return false;
    account->live = account->home_told = mete__site_live_bytes(home);
    account->peak = __atomic_load_n(&home->own_peak_bytes, __ATOMIC_RELAXED);
    account->home = home;
    if (!__atomic_compare_exchange_n(slot, &only, (uintptr_t)account | IS_ACCOUNT, false,
                                     __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        mete__meta_free(account, sizeof *account);
        return false;
    }
    __atomic_or_fetch(&home->place, METE__SITE_SHARED, __ATOMIC_RELEASE);
    return true;
}

void mete__account_join(struct mete__site *site, uint32_t stack) {
    uintptr_t *slot = slot_of(stack);
    uintptr_t found = 0;

    if (slot == NULL || __atomic_compare_exchange_n(slot, &found, (uintptr_t)site, false,
                                                    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return;
    if ((found & IS_ACCOUNT) == 0 && !open_account(slot, found) &&
        (__atomic_load_n(slot, __ATOMIC_ACQUIRE) & IS_ACCOUNT) == 0)
        return;
    __atomic_or_fetch(&site->place, METE__SITE_SHARED | METE__SITE_ACCEPTED, __ATOMIC_RELAXED);
}

void mete__account_tell(const struct mete__site_table *table, struct mete__site *site,
                        uint32_t stack) {
    uintptr_t *slot = slot_of(stack);
    uintptr_t found = slot == NULL ? 0 : __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    int64_t live = mete__site_live_bytes(site);

    if ((found & IS_ACCOUNT) == 0) return;
    struct account *account = (struct account *)(found & ~IS_ACCOUNT);
    if (!mete__site_is(site, METE__SITE_ACCEPTED)) {
        site->own_peak_bytes = account->home_told;
        __atomic_or_fetch(&site->place, METE__SITE_ACCEPTED, __ATOMIC_RELAXED);
    }
    int64_t delta = live - site->own_peak_bytes;
    if (delta < METE__ACCOUNT_STEP && delta > -METE__ACCOUNT_STEP) return;
    site->own_peak_bytes = live;
    raise_peak(table, account, __atomic_add_fetch(&account->live, delta, __ATOMIC_RELAXED));
}
