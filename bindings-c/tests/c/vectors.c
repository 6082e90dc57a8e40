/* The C runner: replays core/vectors through stanchion.h, writes `<digest>  <id>` lines, exits with 1 on a difference.
 *
 *     bindings-c/build/vectors <digest file> [<folder of vectors>]
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "canonical.h"
#include "replay.h"
#include "stanchion.h"

typedef struct list {
    char **items;
    size_t len;
    size_t capacity;
} list;

static void push(list *to, char *item) {
    if (to->len == to->capacity) {
        to->capacity = to->capacity * 2 + 8;
        to->items = realloc(to->items, to->capacity * sizeof *to->items);
        if (to->items == NULL) broken(item, "out of memory");
    }
    to->items[to->len++] = item;
}

static int by_text(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void sort(list *all) {
    if (all->len > 0) qsort(all->items, all->len, sizeof *all->items, by_text);
}

static void list_free(list *all) {
    for (size_t i = 0; i < all->len; i++) free(all->items[i]);
    free(all->items);
}

static char *joined(const char *left, const char *between, const char *right) {
    const size_t len = strlen(left) + strlen(between) + strlen(right) + 1;
    char *out = need(len);
    (void)snprintf(out, len, "%s%s%s", left, between, right);
    return out;
}

/* The paths of all vectors' files below a folder. */
static void find(const char *folder, list *files) {
    DIR *dir = opendir(folder);
    if (dir == NULL) broken(folder, "cannot be read");
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] == '.') continue;
        char *path = joined(folder, "/", entry->d_name);
        struct stat what;
        const size_t len = strlen(path);
        if (stat(path, &what) == 0 && S_ISDIR(what.st_mode)) {
            find(path, files);
        } else if (len > 5 && strcmp(path + len - 5, ".json") == 0) {
            push(files, path);
            continue;
        }
        free(path);
    }
    closedir(dir);
}

/* Compares one value; 1 where it differs. */
static int compare(const char *id, size_t step, const char *what, const json_t *expected, const json_t *got) {
    text left = {0}, right = {0};
    canonical(&left, expected);
    canonical(&right, got);
    const int differs = strcmp(left.bytes, right.bytes) != 0;
    if (differs) printf("%s: step %zu, %s\n  expected %s\n  got      %s\n", id, step, what, left.bytes, right.bytes);
    text_free(&left);
    text_free(&right);
    return differs;
}

static int compare_vector(const char *id, const json_t *vector, const json_t *lines) {
    const json_t *whole = json_object_get(vector, "expect");
    const json_t *of_spool = json_object_get(vector, "spool");
    const json_t *steps = of_spool != NULL ? of_spool : json_object_get(vector, "steps");
    int differs = whole != NULL && compare(id, 0, "answer", whole, json_array_get(lines, 0));
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i), *line = json_array_get(lines, i);
        json_t *expect = json_object_get(step, "expect");
        const char *what;
        json_t *expected;
        json_object_foreach(expect, what, expected) {
            const json_t *got = json_object_get(line, what);
            differs |= got == NULL || compare(id, i, what, expected, got);
        }
        const json_t *state = json_object_get(step, "state");
        if (state != NULL) differs |= compare(id, i, "state", state, json_object_get(line, "state"));
    }
    return differs;
}

/* Computes and hashes a vector, then compares it; 1 where it differs. */
static int run(const char *id, const json_t *vector, list *digests) {
    json_t *lines = replay(vector, id);
    text all = {0};
    for (size_t i = 0; i < json_array_size(lines); i++) {
        canonical(&all, json_array_get(lines, i));
        text_append(&all, "\n", 1);
    }
    char *sum = digest(&all);
    push(digests, joined(id, "\n", sum)); /* the id first, to be sorted by it */
    free(sum);
    text_free(&all);
    const int differs = compare_vector(id, vector, lines);
    json_decref(lines);
    return differs;
}

static int run_file(const char *path, const char *folder, list *digests) {
    json_error_t why;
    json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (file == NULL) broken(path, why.text);
    char *below = joined(path + strlen(folder) + 1, "", "");
    below[strlen(below) - 5] = '\0'; /* .json */
    const json_t *vectors = json_object_get(file, "vectors");
    int differs = 0;
    for (size_t i = 0; i < json_array_size(vectors); i++) {
        const json_t *vector = json_array_get(vectors, i);
        char *id = joined(below, "/", json_string_value(json_object_get(vector, "name")));
        differs |= run(id, vector, digests);
        free(id);
    }
    free(below);
    json_decref(file);
    return differs;
}

static void write_digests(const char *path, list *digests) {
    FILE *out = fopen(path, "w");
    if (out == NULL) broken(path, "cannot be written");
    sort(digests);
    for (size_t i = 0; i < digests->len; i++) {
        char *sum = strchr(digests->items[i], '\n');
        *sum++ = '\0';
        fprintf(out, "%s  %s\n", sum, digests->items[i]);
    }
    if (fclose(out) != 0) broken(path, "cannot be written");
}

int main(int count, char **args) {
    if (count < 2 || count > 3) {
        fprintf(stderr, "usage: %s <digest file> [<folder of vectors>]\n", args[0]);
        return 2;
    }
    if (stn_abi_version() != STN_ABI_VERSION) broken("stanchion.h", "is not the header of this library");
    const char *folder = count == 3 ? args[2] : "core/vectors";
    list files = {0}, digests = {0};
    find(folder, &files);
    sort(&files);
    int differs = 0;
    for (size_t i = 0; i < files.len; i++) differs |= run_file(files.items[i], folder, &digests);
    if (digests.len == 0) broken(folder, "holds no vectors");
    write_digests(args[1], &digests);
    printf("c: %zu vectors%s\n", digests.len, differs ? ", with differences" : "");
    list_free(&files);
    list_free(&digests);
    return differs;
}
