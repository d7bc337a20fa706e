/* String functions that go byte by byte, like those of a newlib that is optimised for size. */
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t count) {
    unsigned char *t = to;
    const unsigned char *f = from;
    while (count--) *t++ = *f++;
    return to;
}

void *memmove(void *to, const void *from, size_t count) {
    unsigned char *t = to;
    const unsigned char *f = from;
    if (f < t && t < f + count) {
        t += count;
        f += count;
        while (count--) *--t = *--f;
    } else {
        while (count--) *t++ = *f++;
    }
    return to;
}

void *memset(void *to, int value, size_t count) {
    unsigned char *t = to;
    while (count--) *t++ = (unsigned char)value;
    return to;
}

int memcmp(const void *left, const void *right, size_t count) {
    const unsigned char *l = left, *r = right;
    while (count--) {
        if (*l != *r) return *l - *r;
        l++;
        r++;
    }
    return 0;
}

size_t strlen(const char *text) {
    const char *t = text;
    while (*t) t++;
    return (size_t)(t - text);
}

int strcmp(const char *left, const char *right) {
    while (*left && *left == *right) {
        left++;
        right++;
    }
    return *(const unsigned char *)left - *(const unsigned char *)right;
}

int strncmp(const char *left, const char *right, size_t count) {
    if (count == 0) return 0;
    while (count-- != 0 && *left == *right) {
        if (count == 0 || *left == 0) break;
        left++;
        right++;
    }
    return *(const unsigned char *)left - *(const unsigned char *)right;
}

char *strcpy(char *restrict to, const char *restrict from) {
    char *t = to;
    while ((*t++ = *from++)) {}
    return to;
}

char *strchr(const char *text, int wanted) {
    const char w = (char)wanted;
    while (*text && *text != w) text++;
    return *text == w ? (char *)text : NULL;
}
