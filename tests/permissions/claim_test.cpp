#include "permissions/claim.h"

#include "permissions/rest_decoders.h"
#include "permissions/rights.h"
#include "tests/catch.h"

namespace spa {
namespace {

TEST_CASE("A login's claim tells the principal, in any casing and any language") {
  struct Case {
    const char* login;
    PrincipalType type;
    const char* id;
    bool owners;
  };
  const Case cases[] = {
      {"i:0#.f|membership|pam@fabrikam.com", PrincipalType::kUser, "", false},
      {"I:0#.F|MEMBERSHIP|PAM@FABRIKAM.COM", PrincipalType::kUser, "", false},
      {"i:0#.f|membership|lee_partner.example#ext#@fabrikam.onmicrosoft.com", PrincipalType::kGuest,
       "", false},
      {"i:0#.f|membership|urn:spo:guest#lee@partner.example", PrincipalType::kGuest, "", false},
      {"i:0#.f|membership|urn%3aspo%3aanon#0123", PrincipalType::kUnknown, "", false},
      {"c:0t.c|tenant|2A9B7C00-7777-4c1a-9c1f-000000000007", PrincipalType::kGroup,
       "2a9b7c00-7777-4c1a-9c1f-000000000007", false},
      {"c:0o.c|federateddirectoryclaimprovider|9d0e5d5e-5555-4f7a-8f0b-000000000005",
       PrincipalType::kGroup, "9d0e5d5e-5555-4f7a-8f0b-000000000005", false},
      {"c:0o.c|federateddirectoryclaimprovider|9d0e5d5e-5555-4f7a-8f0b-000000000005_o",
       PrincipalType::kGroup, "9d0e5d5e-5555-4f7a-8f0b-000000000005", true},
      {"c:0-.f|rolemanager|spo-grid-all-users/another-guid", PrincipalType::kEveryoneExceptExternal,
       "", false},
      {"c:0(.s|true", PrincipalType::kEveryone, "", false},
      {"c:0!.s|windows", PrincipalType::kEveryone, "", false},
      {"c:0u.c|tenant|00ff", PrincipalType::kLink, "", false},
      {"c:0-.f|rolemanager|s-1-5-21-1-2-3", PrincipalType::kGroup, "", false},
      {"i:0i.t|ms.sp.ext|7b1e0d1c-4444-4c7e-9f8e-000000000004@4f1c2b7a",
       PrincipalType::kApplication, "7b1e0d1c-4444-4c7e-9f8e-000000000004", false},
  };
  for (const Case& c : cases) {
    INFO(c.login);
    const Claim claim = ParseClaim(c.login);
    CHECK(claim.known);
    CHECK(claim.type == c.type);
    CHECK(claim.directory_id == c.id);
    CHECK(claim.owners == c.owners);
  }
  CHECK_FALSE(ParseClaim("Falcon Owners").known);
  CHECK_FALSE(ParseClaim("Jeder").known);
  CHECK_FALSE(ParseClaim("").known);
}

TEST_CASE("A level is its mask, whatever it is called") {
  CHECK(RoleOfMask(0x7fffffffffffffff) == Role::kOwner);
  CHECK(RoleOfMask(0x1b03c431aef) == Role::kWrite);   // Edit
  CHECK(RoleOfMask(0x1b03c4312ef) == Role::kWrite);   // Contribute
  CHECK(RoleOfMask(0xb008431061) == Role::kRead);     // Read
  CHECK(RoleOfMask(0x1003008031001) == Role::kRead);  // Restricted View
  CHECK(RoleOfMask(0x3008011000) == Role::kNone);     // Limited Access
  CHECK(RoleOfMask(0x23008001000) == Role::kNone);    // Web-Only Limited Access
}

TEST_CASE("Graph's roles take the strongest, and what is unknown is not read as nothing") {
  const auto role = [](std::vector<std::string> words) { return RoleOfGraph(words); };
  CHECK(role({"read"}) == Role::kRead);
  CHECK(role({"read", "write"}) == Role::kWrite);
  CHECK(role({"OWNER"}) == Role::kOwner);
  CHECK(role({"sp.full control"}) == Role::kOwner);
  CHECK(role({"fullcontrol"}) == Role::kOwner);
  CHECK(role({"sp.View Only"}) == Role::kRead);
  CHECK(role({"sp.limited access"}) == Role::kNone);
  CHECK(role({"sp.restricted reader"}) == Role::kRead);
  CHECK(role({"sp.manage hierarchy"}) == Role::kWrite);
  CHECK(role({"sp.Mitwirken"}) == Role::kOther);
  CHECK(role({"sp.limited access plus"}) == Role::kOther);
  CHECK(role({"sp.read and edit everything"}) == Role::kOther);
  CHECK(role({}) == Role::kOther);
  CHECK(LevelOfGraph("sp.Mitwirken") == "Mitwirken");
  CHECK(LevelOfGraph("read").empty());
}

TEST_CASE("A link group is told by a title of the one form that links have") {
  const std::string item = "6C3E69D8-85ba-4a74-a214-3ba666040c1b";
  const std::string id = "D2B42DAA-4d3d-4076-ba1d-d4ce45524bc7";
  const auto link = ParseLinkGroup("SharingLinks." + item + ".Flexible." + id);
  REQUIRE(link);
  CHECK(link->item_unique_id == "6c3e69d8-85ba-4a74-a214-3ba666040c1b");
  CHECK(link->kind == "flexible");
  CHECK(link->link_id == "d2b42daa-4d3d-4076-ba1d-d4ce45524bc7");
  CHECK(ParseLinkGroup("SharingLinks." + item + ".OrganizationEdit." + id));
  CHECK_FALSE(ParseLinkGroup("SharingLinks." + item + ".Everyone." + id));
  CHECK_FALSE(ParseLinkGroup("SharingLinks.not-a-link.Flexible." + id));
  CHECK_FALSE(ParseLinkGroup("SharingLinks." + item + ".Flexible." + id + "0"));
  CHECK_FALSE(ParseLinkGroup("SharingLinks.broken"));
  CHECK_FALSE(ParseLinkGroup("HR Owners"));
}

TEST_CASE("Each form of login is told apart by its claim") {
  const auto claim = [](const char* login) { return std::string(ParseClaim(login).name); };
  CHECK(claim("i:0#.f|membership|pam@fabrikam.com") == "user");
  CHECK(claim("I:0#.F|Membership|lee_p.example#EXT#@f.onmicrosoft.com") == "guest");
  CHECK(claim("i:0#.f|membership|urn:spo:guest#lee@p.example") == "sharepoint_guest");
  CHECK(claim("i:0#.f|membership|urn%3aspo%3aanon#0a1b") == "anonymous_actor");
  CHECK(claim("c:0u.c|tenant|0a1b") == "anonymous_link");
  CHECK(claim("c:0o.c|federateddirectoryclaimprovider|9d0e5d5e-5555-4f7a-8f0b-000000000005") ==
        "m365_members");
  CHECK(claim("c:0o.c|federateddirectoryclaimprovider|9d0e5d5e-5555-4f7a-8f0b-000000000005_o") ==
        "m365_owners");
  CHECK(claim("c:0t.c|tenant|9d0e5d5e-5555-4f7a-8f0b-000000000005") == "directory_group");
  CHECK(claim("c:0-.f|rolemanager|s-1-5-21-1") == "sid_group");
  CHECK(claim("c:0-.f|rolemanager|spo-grid-all-users/another") == "everyone_except_external");
  CHECK(claim("c:0(.s|true") == "everyone");
  CHECK(claim("c:0!.s|windows") == "windows_everyone");
  CHECK(claim("i:0i.t|ms.sp.ext|app@tenant") == "application");
  CHECK(claim("i:0i.t|00000003-0000-0ff1-ce00-000000000000|app@sharepoint") == "system");
  CHECK(claim("SHAREPOINT\\system") == "system");
  CHECK(claim("HR Members").empty());
}

TEST_CASE("A role assignment adds up its bindings and keeps Limited Access as no access") {
  const auto page = DecodeRoleAssignments(R"({"value":[
    {"PrincipalId":17,"Member":{"Id":17,"LoginName":"i:0#.f|membership|pam@fabrikam.com","Title":"Pam","PrincipalType":1,"Email":"pam@fabrikam.com"},
     "RoleDefinitionBindings":[{"Name":"Lesen","RoleTypeKind":2,"BasePermissions":{"High":"176","Low":"138612833"}},
                               {"Name":"Bearbeiten","RoleTypeKind":6,"BasePermissions":{"High":"432","Low":"1011030767"}}]},
    {"PrincipalId":6,"Member":{"Id":6,"LoginName":"HR Members","Title":"HR Members","PrincipalType":8,"OwnerTitle":"HR Owners"},
     "RoleDefinitionBindings":[{"Name":"Limited Access","RoleTypeKind":1,"BasePermissions":{"High":"48","Low":"134287360"}}]}]})");
  REQUIRE(page);
  REQUIRE(page->items.size() == 2);
  const Grant& pam = page->items[0];
  CHECK(pam.principal_type == PrincipalType::kUser);
  CHECK(pam.role == Role::kWrite);
  CHECK(pam.levels == std::vector<std::string>{"Bearbeiten", "Lesen"});
  CHECK(pam.grant_id == "aTowIy5mfG1lbWJlcnNoaXB8cGFtQGZhYnJpa2FtLmNvbQ");
  CHECK(pam.source == "rest");
  const Grant& limited = page->items[1];
  CHECK(limited.principal_type == PrincipalType::kSiteGroup);
  CHECK(limited.principal_id == "6");
  CHECK(limited.role == Role::kNone);
  CHECK(limited.levels == std::vector<std::string>{"Limited Access"});  // Evidence of what.
  CHECK(limited.rights == 0x3008011000);
}

TEST_CASE("Site groups carry their members with the kind their claim tells") {
  const auto page =
      DecodeSiteGroups(R"({"value":[{"Id":5,"Title":"HR Members","OwnerTitle":"HR Owners","Users":[
     {"Id":9,"LoginName":"c:0o.c|federateddirectoryclaimprovider|9d0e5d5e-5555-4f7a-8f0b-000000000005_o","Title":"x","PrincipalType":4},
     {"Id":31,"LoginName":"i:0#.f|membership|lee_p.example#ext#@f.onmicrosoft.com","Title":"Lee","Email":"lee@p.example","PrincipalType":1,
      "AadObjectId":{"NameId":"225F4ED7-524b-4a6d-8e37-51802e87b3ad","NameIdIssuer":"urn"}}]}]})");
  REQUIRE(page);
  const auto& members = page->items[0].members;
  REQUIRE(members.size() == 2);
  CHECK(members[0].kind == "group_owners");
  CHECK(members[0].id == "9d0e5d5e-5555-4f7a-8f0b-000000000005");
  CHECK(members[1].kind == "user");
  CHECK(members[1].user_type == "guest");
  CHECK(members[1].id == "225f4ed7-524b-4a6d-8e37-51802e87b3ad");
}

}  // namespace
}  // namespace spa
