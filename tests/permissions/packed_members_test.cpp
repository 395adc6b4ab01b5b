#include "permissions/packed_members.h"

#include "tests/catch.h"

namespace spa {
namespace {

TEST_CASE("Packed members come out as they went in") {
  std::vector<Member> members(3);
  members[0].id = "0d5c7a5e-1111-4c1a-9c1f-000000000001";
  members[0].kind = "user";
  members[0].name = std::string(300, 'x') + "\0ü✅";
  members[0].login = "pam@fabrikam.com";
  members[0].user_type = "member";
  members[0].account_enabled = false;
  members[1].account_enabled = true;
  members[2].email = "lee@partner.example";

  const PackedMembers packed(members);
  const auto out = packed.Unpack();

  REQUIRE(out.size() == members.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    CHECK(out[i].id == members[i].id);
    CHECK(out[i].kind == members[i].kind);
    CHECK(out[i].name == members[i].name);
    CHECK(out[i].login == members[i].login);
    CHECK(out[i].email == members[i].email);
    CHECK(out[i].user_type == members[i].user_type);
    CHECK(out[i].account_enabled == members[i].account_enabled);
  }
}

TEST_CASE("An empty group packs into nothing and stays an empty group") {
  const PackedMembers packed{std::vector<Member>()};
  CHECK(packed.bytes() == 0);
  CHECK(packed.Unpack().empty());
}

TEST_CASE("Members survive the way out of this process", "[cache][S4-06]") {
  std::vector<Member> members(2);
  members[0].id = "0d5c7a5e-1111-4c1a-9c1f-000000000001";
  members[0].kind = "user";
  members[0].name = "Zo\xc3\xab \"Z\"\n";
  members[0].account_enabled = false;
  members[1].email = "lee@partner.example";
  const PackedMembers packed(members);

  const std::string text = Codec<PackedMembers>::Encode(packed);
  const auto back = Codec<PackedMembers>::Decode(text);

  CHECK(text.starts_with("[{\"account_enabled\":false,\"id\":\"0d5c7a5e"));
  REQUIRE(back);
  const auto out = back->Unpack();
  REQUIRE(out.size() == 2);
  CHECK(out[0].id == members[0].id);
  CHECK(out[0].name == members[0].name);
  CHECK(out[0].account_enabled == false);
  CHECK(out[1].email == members[1].email);
  CHECK_FALSE(out[1].account_enabled.has_value());
}

TEST_CASE("An empty group is a value outside this process, too", "[cache][S4-07]") {
  const std::string text = Codec<PackedMembers>::Encode(PackedMembers());
  CHECK(text == "[]");
  REQUIRE(Codec<PackedMembers>::Decode(text));
  CHECK(Codec<PackedMembers>::Decode(text)->Unpack().empty());
}

TEST_CASE("What is no member list is not decoded into one", "[cache][S1-22]") {
  const auto text = GENERATE(as<std::string>(), "", "{}", "[1]", "[{\"id\":1}]", "[{\"id\":\"a\"}",
                             "null", "[{\"account_enabled\":\"yes\"}]");
  CHECK_FALSE(Codec<PackedMembers>::Decode(text));
}

TEST_CASE("Site groups keep number, title and members", "[cache]") {
  std::vector<SiteGroupMembers> groups(1);
  groups[0].id = "7";
  groups[0].title = "Owners";
  std::vector<Member> members(1);
  members[0].login = "i:0#.f|membership|pam@fabrikam.com";
  groups[0].members = PackedMembers(members);

  const auto back = Codec<std::vector<SiteGroupMembers>>::Decode(
      Codec<std::vector<SiteGroupMembers>>::Encode(groups));

  REQUIRE(back);
  REQUIRE(back->size() == 1);
  CHECK((*back)[0].id == "7");
  CHECK((*back)[0].title == "Owners");
  CHECK((*back)[0].members.Unpack()[0].login == members[0].login);
  CHECK(CostOf(groups) > CostOf(groups[0].members));
}

}  // namespace
}  // namespace spa
