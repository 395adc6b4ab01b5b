#include "permissions/graph_permission.h"

#include "permissions/directory_group.h"
#include "tests/catch.h"

namespace spa {
namespace {

Grant OnlyGrant(const std::string& json) {
  auto page = DecodePermissions(R"({"value":[)" + json + "]}");
  REQUIRE(page);
  REQUIRE(page->items.size() == 1);
  return page->items[0];
}

TEST_CASE("A user's entry gives one grant with directory id and login") {
  const Grant grant =
      OnlyGrant(R"({"id":"aTowIy5mfG1lbWJlcnNoaXB8cGFtQGZhYnJpa2FtLmNvbQ","roles":["write"],
    "grantedToV2":{"user":{"displayName":"Pam Ito","email":"pam@fabrikam.com","id":"0d5c"},
                   "siteUser":{"displayName":"Pam Ito","id":"17","loginName":"i:0#.f|membership|pam@fabrikam.com"}}})");
  CHECK(grant.principal_type == PrincipalType::kUser);
  CHECK(grant.principal_id == "0d5c");
  CHECK(grant.principal_login == "i:0#.f|membership|pam@fabrikam.com");
  CHECK(grant.principal_name == "Pam Ito");
  CHECK(grant.role == Role::kWrite);
  CHECK_FALSE(grant.inherited);
  CHECK(grant.source == "graph");
}

TEST_CASE("Without a site user the login is what the permission id stands for") {
  const Grant grant =
      OnlyGrant(R"({"id":"aTowIy5mfG1lbWJlcnNoaXB8cGFtQGZhYnJpa2FtLmNvbQ","roles":["read"],
    "grantedTo":{"user":{"displayName":"Pam Ito","id":"0d5c"}}})");
  CHECK(grant.principal_login == "i:0#.f|membership|pam@fabrikam.com");
  CHECK(grant.principal_type == PrincipalType::kUser);
}

TEST_CASE("The owners of an M365 group are the group with its owners' claim, not its members") {
  // base64url of c:0o.c|federateddirectoryclaimprovider|9d0e5d5e-5555-4f7a-8f0b-000000000005_o
  const Grant grant = OnlyGrant(
      R"({"id":"YzowLmMuY3xmZWRlcmF0ZWQ","roles":["owner"],"grantedTo":{"user":{"displayName":"Falcon Owners","id":"9d0e5d5e-5555-4f7a-8f0b-000000000005"}},
          "grantedToV2":{"siteUser":{"displayName":"Falcon Owners","id":"6","loginName":"c:0o.c|federateddirectoryclaimprovider|9d0e5d5e-5555-4f7a-8f0b-000000000005_o"}}})");
  CHECK(grant.principal_type == PrincipalType::kGroup);
  CHECK(grant.principal_id == "9d0e5d5e-5555-4f7a-8f0b-000000000005");
  CHECK(grant.principal_login.ends_with("_o"));
  CHECK(grant.role == Role::kOwner);
}

TEST_CASE("A site group keeps its number, an embedded group its principal number") {
  const Grant classic = OnlyGrant(
      R"({"id":"RmFsY29u","roles":["owner"],"grantedToV2":{"siteGroup":{"displayName":"Falcon Owners","id":"3","loginName":"Falcon Owners"}}})");
  CHECK(classic.principal_type == PrincipalType::kSiteGroup);
  CHECK(classic.principal_id == "3");
  const Grant embedded = OnlyGrant(
      R"({"id":"x","roles":["read"],"grantedToV2":{"sharePointGroup":{"title":"Falcon","id":"glob","principalId":"12"}}})");
  CHECK(embedded.principal_type == PrincipalType::kSiteGroup);
  CHECK(embedded.principal_id == "12");
}

TEST_CASE("Everyone is told by the claim, and has no directory id") {
  const Grant all = OnlyGrant(
      R"({"id":"x","roles":["read"],"grantedToV2":{"siteUser":{"displayName":"Jeder","id":"5","loginName":"c:0(.s|true"}}})");
  CHECK(all.principal_type == PrincipalType::kEveryone);
  CHECK(all.principal_id.empty());
  const Grant members = OnlyGrant(
      R"({"id":"x","roles":["read"],"grantedToV2":{"group":{"id":"zz","displayName":"all"},"siteUser":{"id":"4","loginName":"c:0-.f|rolemanager|spo-grid-all-users/foreign"}}})");
  CHECK(members.principal_type == PrincipalType::kEveryoneExceptExternal);
}

TEST_CASE("A link's scope decides its audience, and the people it was sent to stay with it") {
  const Grant link = OnlyGrant(
      R"({"id":"5a0f0a5d-3333-4f0e-a6c0-000000000003","roles":["read"],"expirationDateTime":"2026-12-31T00:00:00Z","hasPassword":true,
    "grantedToIdentitiesV2":[{"user":{"id":"b2"}},{"user":{"id":"a1"}},{"user":{"email":"lee@partner.example"}}],
    "link":{"scope":"users","type":"view","preventsDownload":true}})");
  CHECK(link.principal_type == PrincipalType::kLink);
  CHECK(link.principal_id == "5a0f0a5d-3333-4f0e-a6c0-000000000003");
  CHECK(link.link_scope == "users");
  CHECK(link.link_type == "view");
  CHECK(link.link_expires_at == "2026-12-31T00:00:00Z");
  CHECK(link.link_has_password == true);
  CHECK(link.link_people == std::vector<std::string>{"a1", "b2"});
  CHECK(link.link_invited == std::vector<std::string>{"lee@partner.example"});
  CHECK(link.principal_email.empty());
}

TEST_CASE("A link that gives nothing is evidence, not access") {
  CHECK(
      OnlyGrant(
          R"({"id":"00000000-0000-0000-0000-000000000000","roles":["read"],"link":{"type":"view"}})")
          .role == Role::kNone);
  CHECK(OnlyGrant(R"({"id":"x","roles":["read"],"link":{"type":"view","scope":"existingAccess"}})")
            .role == Role::kNone);
}

TEST_CASE("A link without roles takes the role of its type, one without a scope stays unknown") {
  const Grant link = OnlyGrant(R"({"id":"x","link":{"type":"edit"}})");
  CHECK(link.role == Role::kWrite);
  CHECK(link.link_scope.empty());
  CHECK(OnlyGrant(R"({"id":"x","roles":["read"],"link":{"type":"review","scope":"anonymous"}})")
            .role == Role::kRead);
}

TEST_CASE("Year one is no expiry, and an inherited entry is one whose mark is there and not null") {
  CHECK(OnlyGrant(R"({"id":"x","expirationDateTime":"0001-01-01T00:00:00Z","link":{}})")
            .link_expires_at.empty());
  CHECK(OnlyGrant(R"({"id":"x","inheritedFrom":{}})").inherited);
  CHECK(OnlyGrant(R"({"id":"x","inheritedFrom":{"id":"1"}})").inherited);
  CHECK_FALSE(OnlyGrant(R"({"id":"x","inheritedFrom":null})").inherited);
  CHECK_FALSE(OnlyGrant(R"({"id":"x"})").inherited);
}

TEST_CASE("An invitation nobody has taken up names the address and nobody else") {
  const Grant grant = OnlyGrant(
      R"({"id":"x","roles":["read"],"invitation":{"email":"lee@partner.example","signInRequired":true}})");
  CHECK(grant.principal_type == PrincipalType::kUnknown);
  CHECK(grant.principal_email == "lee@partner.example");
}

TEST_CASE("Empty roles mean present but unknown how far") {
  CHECK(OnlyGrant(R"({"id":"x","roles":[],"grantedToV2":{"user":{"id":"u"}}})").role ==
        Role::kOther);
}

TEST_CASE("A body that is no list of permissions is asked for again") {
  for (const char* body : {"", "{}", R"({"value":[{"id":"x")", "<html>"}) {
    INFO(body);
    REQUIRE_FALSE(DecodePermissions(body));
  }
}

TEST_CASE("Members are told apart by their type, and an unreadable one is kept without a name") {
  const auto page = DecodeMembers(R"({"value":[
    {"@odata.type":"#microsoft.graph.user","id":"u1","userPrincipalName":"pam@f.com","userType":"Member","accountEnabled":false},
    {"@odata.type":"#microsoft.graph.user","id":"u2","userPrincipalName":"lee_p#EXT#@f.com","userType":null},
    {"@odata.type":"#microsoft.graph.group","id":"g1","displayName":null},
    {"@odata.type":"#microsoft.graph.servicePrincipal","id":"s1"}],"@odata.nextLink":"n"})");
  REQUIRE(page);
  REQUIRE(page->items.size() == 4);
  CHECK(page->items[0].kind == "user");
  CHECK(page->items[0].user_type == "member");
  CHECK(page->items[0].account_enabled == false);
  CHECK(page->items[1].user_type == "guest");
  CHECK_FALSE(page->items[1].account_enabled.has_value());
  CHECK(page->items[2].kind == "group");
  CHECK(page->items[2].name.empty());
  CHECK(page->items[3].kind == "servicePrincipal");
  CHECK(page->next_link == "n");
}

}  // namespace
}  // namespace spa
