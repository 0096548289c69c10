// C++: new, arrays, containers, smart pointers.
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace game {

struct Vec3 {
    double x = 0, y = 0, z = 0;
};

class Entity {
  public:
    explicit Entity(int number) : id(number) {}
    virtual ~Entity() = default;
    virtual void tick() {
        position.x += id;
    }
    int id;
    Vec3 position;
};

class Player : public Entity {
  public:
    explicit Player(int number) : Entity(number) {
        name = new char[16]; //= char
    }
    ~Player() override {
        delete[] name;
    }
    void tick() override {
        score += 2;
    }
    char *name;
    long score = 0;
};

struct Particle {
    float life;
    Vec3 at;
    Particle *next;
};

} // namespace game

__attribute__((noinline)) static void use(void *p) {
    __asm__ volatile("" : : "g"(p) : "memory");
}

static game::Particle *particles;

static void emit(int count) {
    for (int i = 0; i < count; i++) {
        auto *particle = new game::Particle(); //= game::Particle
        particle->next = particles;
        particles = particle;
    }
}

static std::unique_ptr<game::Entity> make(int i) {
    if (i % 2 != 0) return std::make_unique<game::Player>(i);  //= game::Player
    return std::unique_ptr<game::Entity>(new game::Entity(i)); //= game::Entity
}

static int *array(int count) {
    int *numbers = new int[count]; //= int
    for (int i = 0; i < count; i++) numbers[i] = i;
    return numbers;
}

static game::Vec3 *path(int count) {
    return new game::Vec3[count]; //= game::Vec3
}

int main() {
    std::vector<std::unique_ptr<game::Entity>> entities;
    entities.reserve(8);
    for (int i = 0; i < 4; i++) entities.push_back(make(i));
    for (auto &entity : entities) entity->tick();
    emit(5);
    use(array(9));
    use(path(3));
    use(particles);
    game::Entity *player = new game::Player(7); //= game::Player
    player->tick();
    use(player);
    printf("%zu\n", entities.size());
    return 0;
}
