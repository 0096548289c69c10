/* Programs with operators of their own, some of them or all, on top of malloc: that is theirs to
 * mix. REPLACED is a set of bits. */
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#if REPLACED & 1
void *operator new(size_t size) {
    void *block = std::malloc(size);
    if (block == nullptr) throw std::bad_alloc();
    return block;
}
#endif
#if REPLACED & 2
void operator delete(void *block) noexcept {
    std::free(block);
}
#endif
#if REPLACED & 4
void operator delete(void *block, size_t) noexcept {
    std::free(block);
}
#endif
#if REPLACED & 8
void *operator new[](size_t size) {
    return std::calloc(size, 1);
}
#endif
#if REPLACED & 16
void operator delete[](void *block) noexcept {
    std::free(block);
}
#endif
#if REPLACED & 32
void *operator new(size_t size, const std::nothrow_t &) noexcept {
    return std::malloc(size);
}
#endif
#if REPLACED & 64
void *operator new(size_t size, std::align_val_t align) {
    return std::aligned_alloc(static_cast<size_t>(align), size);
}
#endif

template <typename T> static T *opaque(T *pointer) {
    __asm__ volatile("" : "+r"(pointer));
    return pointer;
}

int main() {
    operator delete(opaque(operator new(100)));
    operator delete (opaque(operator new(100)), size_t{100});
    operator delete(opaque(operator new(100, std::nothrow)));
    operator delete[](opaque(operator new[](100)));
    operator delete[](opaque(operator new[](100)), size_t{100});
    operator delete[](opaque(operator new[](100, std::nothrow)));
    operator delete (opaque(operator new (128, std::align_val_t{64})), std::align_val_t{64});
    std::vector<std::string> words(100, std::string(100, 'x'));
    return words.size() == 100 ? 0 : 1;
}
