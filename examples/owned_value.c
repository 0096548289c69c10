/*
 * examples/owned_value.c - who owns a value, said by its type.
 *
 *     cc owned_value.c $(pkg-config --cflags --libs mete) -o owned_value && ./owned_value
 *
 * A page of a document has one owner, and is moved from one to the next. A picture is on many
 * pages, and goes with the last one; the cache finds it while it is there, and does not keep it.
 */
#include <mete/box.h>

#include <stdio.h>

struct picture {
    const char *name;
};

static void picture_end(struct picture *picture) {
    printf("  picture %s ends\n", picture->name);
}
METE_SHARED_DECLARE(picture_owner, struct picture, picture_end);

struct page {
    int number;
    struct picture_owner picture;
};

static void page_end(struct page *page) {
    printf("  page %d ends\n", page->number);
    picture_owner_drop(&page->picture);
}
METE_BOX_DECLARE(page_box, struct page, page_end);

static struct picture_owner_weak cache;

/* The picture, which the cache may still know; else a new one. */
static int find_picture(struct picture_owner *out) {
    int status = picture_owner_weak_lock(&cache, out);
    printf("  the cache %s it\n", status == 0 ? "has" : "does not have");
    if (status == 0) return 0;
    picture_owner_weak_drop(&cache);
    if ((status = picture_owner_new(out, NULL, (struct picture){"logo"})) != 0) return status;
    return picture_owner_watch(out, &cache);
}

static int make_page(struct page_box *out, int number) {
    METE_OWNED(picture_owner) picture = {0};
    int status = find_picture(&picture);
    if (status == 0) status = page_box_new(out, NULL, (struct page){number, picture});
    if (status == 0) picture = (struct picture_owner){0}; /* the page's now */
    return status;
}

int main(void) {
    METE_OWNED(page_box) shown = {0};
    {
        METE_OWNED(page_box) first = {0}, second = {0};
        printf("two pages\n");
        if (make_page(&first, 1) != 0 || make_page(&second, 2) != 0) return 1;
        printf("%u owners of one picture\n", mete_shared_owners(cache.shared));
        shown = page_box_move(&second);
        printf("out of the scope\n");
    }
    printf("page %d is still shown\n", page_box_get(&shown)->number);
    page_box_drop(&shown);
    printf("a new page\n");
    int status = make_page(&shown, 3);
    page_box_drop(&shown);
    picture_owner_weak_drop(&cache);
    return status != 0;
}
