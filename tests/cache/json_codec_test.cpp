// The forms in which a value leaves this process: each is read whichever was chosen.
#include "cache/json_codec.h"

#include "core/encoding.h"
#include "tests/cache/cache_testing.h"
#include "tests/cache/mem2_store.h"
#include "tests/catch.h"

namespace spa::testing {
namespace {

struct Door {
  Door() = default;
  std::string name;
  bool open = false;
  std::int64_t number = 0;
  std::optional<bool> locked;
  bool operator==(const Door&) const = default;
};

struct House {
  House() = default;
  std::string street;
  std::vector<Door> doors;
  bool operator==(const House&) const = default;
};

std::size_t CostOf(const House& house) { return sizeof house + house.doors.size() * sizeof(Door); }

}  // namespace
}  // namespace spa::testing

template <>
struct spa::JsonFields<spa::testing::Door> {
  using Door = spa::testing::Door;
  static constexpr auto kFields =
      std::tuple(JsonField("name", &Door::name), JsonField("open", &Door::open),
                 JsonField("number", &Door::number), JsonField("locked", &Door::locked));
};
template <>
struct spa::JsonFields<spa::testing::House> {
  using House = spa::testing::House;
  static constexpr auto kFields =
      std::tuple(JsonField("street", &House::street), JsonField("doors", &House::doors));
};

namespace spa::testing {
namespace {

House Sample() {
  House house;
  house.street =
      "Stra\xC3\x9F"
      "e 1";
  for (int i = 0; i < 40; ++i) {  // More than a one-byte head can count.
    Door& door = house.doors.emplace_back();
    door.name = "door " + std::to_string(i);
    door.open = i % 2 == 0;
    door.number = (i - 20) * 1'000'000'000'000;
    if (i % 3 == 0) door.locked = i % 2 == 1;
  }
  return house;
}

}  // namespace

TEST_CASE("JSON, MessagePack and binary are read by one reader, whole and in pieces",
          "[cache][codec][S3-49][S3-73][S1-22]") {
  const ValueFormat format =
      GENERATE(ValueFormat::kJson, ValueFormat::kMessagePack, ValueFormat::kBinary);
  const House house = Sample();

  const std::string bytes = Codec<House>::Encode(house, format);
  const auto back = Codec<House>::Decode(bytes);
  REQUIRE(back);
  CHECK(*back == house);
  CHECK(Codec<House>::Decode(Codec<House>::Encode(House(), format)).value() == House());
  const auto doors =
      Codec<std::vector<Door>>::Decode(Codec<std::vector<Door>>::Encode(house.doors, format));
  CHECK(doors.value() == house.doors);
  CHECK(Codec<std::vector<Door>>::Decode(Codec<std::vector<Door>>::Encode({}, format))->empty());

  for (std::size_t length = 0; length < bytes.size(); ++length) {
    CHECK_FALSE(Codec<House>::Decode(std::string_view(bytes).substr(0, length)));
  }
  CHECK_FALSE(Codec<House>::Decode(bytes + "x"));
}

TEST_CASE("The forms differ, and the compact ones are shorter", "[cache][codec][S3-49]") {
  const House house = Sample();
  const std::string json = Codec<House>::Encode(house);
  const std::string packed = Codec<House>::Encode(house, ValueFormat::kMessagePack);
  const std::string binary = Codec<House>::Encode(house, ValueFormat::kBinary);

  CHECK(json.front() == '{');
  CHECK(packed.size() < json.size());
  CHECK(binary.size() < json.size());
  CHECK(packed != binary);
}

TEST_CASE("Processes with different forms read each other's values over one store",
          "[cache][codec][S3-49][S3-73]") {
  const ValueFormat writes =
      GENERATE(ValueFormat::kJson, ValueFormat::kMessagePack, ValueFormat::kBinary);
  const ValueFormat reads =
      GENERATE(ValueFormat::kJson, ValueFormat::kMessagePack, ValueFormat::kBinary);
  Mem2Store::Register();
  asio::io_context io;
  CacheManager::Options options;
  options.l2 = "mem2:" + NewGuid();
  options.format = writes;
  CacheManager writer(options);
  options.format = reads;
  CacheManager reader(options);
  for (CacheManager* one : {&writer, &reader}) {
    REQUIRE(Await(io, [&] { return one->Open(io.get_executor()); }));
  }
  auto theirs = writer.Open<House>(CacheKind::kSite), ours = reader.Open<House>(CacheKind::kSite);
  const CacheKey key(CacheKind::kSite, "house");

  Await(io, [&] { return theirs.Set(key, Sample()); });
  const auto read = Await(io, [&] { return ours.Get(key); });

  REQUIRE(read);
  CHECK((*read)->level == CacheLevel::kL2);
  CHECK(*(*read)->value == Sample());
  for (CacheManager* one : {&writer, &reader}) Await(io, [&] { return one->Close(); });
}

TEST_CASE("A value of another schema has another key", "[cache][codec][S3-73]") {
  for (const CachePolicy& policy : kCachePolicies) {
    const std::string text = CacheKey(policy.kind, "x").text();
    CHECK(text == "sharepoint_audit:" + std::string(policy.name) + ":" +
                      std::to_string(policy.schema) + ":x");
  }
}

}  // namespace spa::testing
