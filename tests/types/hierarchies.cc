// C++: what a pointer to a base points to.
#include <cstdio>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>

#define APART __attribute__((noinline))

APART static void use(const void *p) {
    __asm__ volatile("" : : "g"(p) : "memory");
}

// Tests that register themselves: a base with virtual functions, derived classes that add nothing.
namespace suite {

class Case {
  public:
    Case() : failures(0) {}
    virtual ~Case() = default;
    virtual void run() = 0;
    long failures;
};

struct Empty : Case {
    void run() override {
        failures++;
    }
    APART static Case *make() {
        return new Empty(); //= suite::Empty
    }
};

struct Full : Case {
    void run() override {
        failures += 2;
    }
    APART static Case *make() {
        Case *made = new Full; //= suite::Full
        made->run();
        return made;
    }
};

} // namespace suite

// The same in a namespace of this file, without virtual functions.
namespace {

struct Token {
    explicit Token(int k) : kind(k) {}
    int kind;
    int line = 1;
};

struct Number : Token {
    explicit Number(int value) : Token(1) {
        line = value;
    }
};

struct Word : Token {
    using Token::Token;
    std::string text;
};

APART Token *scan(int c) {
    if (c < 10) return new Number(c); //= (anonymous namespace)::Number
    return new Word(c);               //= (anonymous namespace)::Word
}

// What a class keeps to itself.
class Engine {
  public:
    Engine();
    ~Engine();
    struct Parts;

  private:
    std::unique_ptr<Parts> parts;
};

struct Engine::Parts {
    long table[12] = {0};
    std::map<int, long> index;
};

Engine::Engine() : parts(new Parts()) {} //= (anonymous namespace)::Engine::Parts
Engine::~Engine() = default;

} // namespace

// Classes that know their heirs.
template <typename Heir> struct Counted {
    long references = 1;
    static Heir *make() {
        return new Heir(); //= Texture
    }
};

struct Texture : Counted<Texture> {};

// Two bases, of which the second is what is kept.
struct Listener {
    virtual ~Listener() = default;
    virtual void hear() {}
};

struct Drawable {
    virtual ~Drawable() = default;
    virtual void draw() {}
    double depth = 0;
};

struct Button : Drawable, Listener {
    long presses = 0;
};

static Listener *listener;

APART static void listen() {
    listener = new Button(); //= Button
    listener->hear();
}

// A struct that begins with what others take.
struct Link {
    Link() : next(this), previous(this) {}
    Link *next, *previous;
};

struct Queue {
    Link ends;
};

APART static Queue *queue() {
    return new Queue(); //= Queue
}

int main() {
    std::unique_ptr<suite::Case> cases[] = {std::unique_ptr<suite::Case>(suite::Empty::make()),
                                            std::unique_ptr<suite::Case>(suite::Full::make())};
    for (auto &one : cases) one->run();
    use(scan(3));
    use(scan(30));
    Engine *engine = new Engine(); //= (anonymous namespace)::Engine
    use(engine);
    use(Texture::make());
    listen();
    use(queue());
    auto shared = std::make_shared<Button>();
    use(shared.get());
    printf("%ld\n", cases[0]->failures);
    return 0;
}
