// A cluster that changes under its users: slots on their way from one server to another, and a
// replica that takes over from its dead master.
#include "cache/redis/slots.h"
#include "tests/cache/redis_testing.h"

namespace spa::testing {
namespace {

// So many keys that share a slot.
std::vector<std::string> KeysOfOneSlot(std::size_t count) {
  std::vector<std::string> keys{TestKey("0")};
  for (int i = 1; keys.size() < count; ++i) {
    std::string key = TestKey(std::to_string(i));
    if (SlotOf(key) == SlotOf(keys.front())) keys.push_back(std::move(key));
  }
  return keys;
}

struct Moving {
  Moving(RedisCluster& cluster, const std::string& key) : cluster(cluster) {
    slot = std::to_string(cluster[0].Ask({"CLUSTER", "KEYSLOT", key}).integer);
    for (std::size_t i = 0; i < cluster.size(); ++i) {
      const std::string mine = cluster[i].Ask({"CLUSTER", "MYID"}).text;
      ids.push_back(mine);
    }
    const Resp table = cluster[0].Ask({"CLUSTER", "SLOTS"});
    for (const Resp& range : table.items) {
      const std::int64_t number = std::stoll(slot);
      if (range.items[0].integer > number || range.items[1].integer < number) continue;
      for (std::size_t i = 0; i < cluster.size(); ++i) {
        if (range.items[2].items[1].integer == cluster[i].port()) from = i;
      }
    }
    to = (from + 1) % cluster.size();
  }

  void Begin() {
    CHECK(cluster[to].Ask({"CLUSTER", "SETSLOT", slot, "IMPORTING", ids[from]}).text == "OK");
    CHECK(cluster[from].Ask({"CLUSTER", "SETSLOT", slot, "MIGRATING", ids[to]}).text == "OK");
  }
  std::vector<std::string> KeysAt(std::size_t node) {
    std::vector<std::string> keys;
    for (const Resp& key : cluster[node].Ask({"CLUSTER", "GETKEYSINSLOT", slot, "100"}).items)
      keys.push_back(key.text);
    return keys;
  }
  void MoveKeys() {
    std::vector<std::string> words = {
        "MIGRATE", "127.0.0.1", std::to_string(cluster[to].port()), "", "0", "5000", "KEYS"};
    for (const std::string& key : KeysAt(from)) words.push_back(key);
    CHECK(cluster[from].Ask(words).text == "OK");
  }
  void End() {
    for (const std::size_t node : {to, from})
      CHECK(cluster[node].Ask({"CLUSTER", "SETSLOT", slot, "NODE", ids[to]}).text == "OK");
  }

  RedisCluster& cluster;
  std::string slot;
  std::vector<std::string> ids;
  std::size_t from = 0, to = 0;
};

TEST_CASE("A slot on its way is followed key by key, and never answers wrong",
          "[cache][redis][S3-77]") {
  RedisCluster cluster;
  asio::io_context io;
  const auto store = MakeStoreAt(io, cluster.url());
  const std::vector<std::string> keys = KeysOfOneSlot(3);
  const std::string &key = keys[0], &other = keys[1], &third = keys[2];
  Moving slot(cluster, key);
  // A script needs all its keys on one side: until the slot has moved, Redis may say TRYAGAIN.
  const auto try_put = [&](std::string where, std::string what) -> Task<bool> {
    std::vector<StorePut> puts;
    puts.push_back(MakePut(std::move(where), std::move(what)));
    const auto put = co_await store->Put(std::move(puts));
    if (!put) CHECK(put.error().message.find("TRYAGAIN") != std::string::npos);
    co_return put.has_value();
  };
  RunOver(io, {store.get()}, [&]() -> Task<void> {
    {
      auto got = co_await store->Open();
      REQUIRE(got);
    }
    const auto first = co_await PutOne(*store, MakePut(key, "before"));
    slot.Begin();
    auto value = co_await GetOne(*store, key);
    CHECK(value == "before");  // Not moved yet: its old server answers.
    const bool during = co_await try_put(other, "during");
    value = co_await GetOne(*store, other);
    CHECK(value == (during ? std::optional<std::string>("during") : std::nullopt));

    slot.MoveKeys();
    CHECK(slot.KeysAt(slot.from).empty());
    value = co_await GetOne(*store, key);
    CHECK(value == "before");  // ASK: the old server sends us on.
    const bool moved = co_await try_put(key, "moved");
    value = co_await GetOne(*store, key);
    CHECK(value == (moved ? "moved" : "before"));

    slot.End();
    value = co_await GetOne(*store, key);
    CHECK(value == (moved ? "moved" : "before"));
    const auto second = co_await PutOne(*store, MakePut(key, "after"));
    CHECK(*second > *first);
    value = co_await GetOne(*store, key);
    CHECK(value == "after");
    auto held = co_await store->Acquire(third, 60s);
    REQUIRE(held);
    REQUIRE(held->lease);
    StorePut filling = MakePut(third, "filled");
    const auto filled = co_await store->Fill(*held->lease, std::move(filling));
    REQUIRE(filled);
    CHECK(*filled);
    CHECK(slot.KeysAt(slot.from).empty());
    auto info = co_await store->Info();
    REQUIRE(info);
    for (const StoreNode& node : info->nodes) CHECK(node.health.state == GateState::kClosed);
  });
}

TEST_CASE("A replica that takes over from a dead master is asked in its place",
          "[cache][redis][S3-77]") {
  RedisCluster cluster;
  cluster.AddReplica(2);
  asio::io_context io;
  const auto store = MakeStoreAt(io, cluster.url());
  RunOver(io, {store.get()}, [&]() -> Task<void> {
    {
      auto got = co_await store->Open();
      REQUIRE(got);
    }
    std::vector<std::string> keys;
    std::vector<StorePut> puts;
    for (int i = 0; i < 300; ++i) keys.push_back(TestKey(std::to_string(i)));
    for (const std::string& key : keys) puts.push_back(MakePut(key, "x"));
    {
      auto got = co_await store->Put(std::move(puts));
      REQUIRE(got);
    }
    cluster.AwaitReplica();

    cluster[2].Kill();
    std::ptrdiff_t there = 0;
    const auto end = std::chrono::steady_clock::now() + 60s;
    asio::steady_timer timer(io);
    while (there < 300 && std::chrono::steady_clock::now() < end) {
      auto found = co_await store->Get(keys);
      if (found) there = std::count_if(found->begin(), found->end(), [](auto& e) { return !!e; });
      timer.expires_after(20ms);
      co_await timer.async_wait(asio::use_awaitable);
    }
    CHECK(there == 300);
    for (const std::string& key : keys) {
      auto put = MakePut(key, "y");
      co_await PutOne(*store, std::move(put));
    }
    const auto value = co_await GetOne(*store, keys.front());
    CHECK(value == "y");
  });
}

}  // namespace
}  // namespace spa::testing
