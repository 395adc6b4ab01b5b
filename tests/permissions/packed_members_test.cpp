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

}  // namespace
}  // namespace spa
