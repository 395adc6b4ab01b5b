#include "discovery/graph_decoders.h"

#include "discovery/list_pages.h"
#include "discovery/scope_method.h"
#include "tests/catch.h"

namespace spa {
namespace {

DriveItem OnlyItem(const std::string& json) {
  auto page = DecodeDelta(R"({"value":[)" + json + R"(],"@odata.deltaLink":"d"})");
  REQUIRE(page);
  REQUIRE(page->items.size() == 1);
  return page->items[0];
}

TEST_CASE("An absent shared facet differs from an empty one") {
  CHECK(OnlyItem(R"({"id":"1"})").shared == SharedFacet::kAbsent);
  CHECK(OnlyItem(R"({"id":"1","shared":{}})").shared == SharedFacet::kEmpty);
  CHECK(OnlyItem(R"({"id":"1","shared":{"scope":"users"}})").shared == SharedFacet::kShared);
  CHECK(OnlyItem(R"({"id":"1","shared":null})").shared == SharedFacet::kAbsent);
}

TEST_CASE("A delta item is read whatever the service leaves out") {
  const DriveItem item =
      OnlyItem(R"({"id":"01A","name":"Offers ✅","size":27487790694400,"eTag":"\"{X},1\"",
      "folder":{"childCount":0},"parentReference":{"id":"01R","driveId":"b!x"},
      "lastModifiedDateTime":"2026-01-02T03:04:05.663Z","unknown":{"a":[1]},
      "sharepointIds":{"listItemId":"253","listItemUniqueId":"0A3094DD-7F0D-494B-8408-D224BB7DE306"}})");
  CHECK(item.id == "01A");
  CHECK(item.name == "Offers ✅");
  CHECK(item.size == 27487790694400);
  CHECK(item.kind == DriveItem::Kind::kFolder);
  CHECK(item.parent_id == "01R");
  CHECK(item.list_item_id == 253);
  CHECK(item.unique_id == "0a3094dd-7f0d-494b-8408-d224bb7de306");
  CHECK_FALSE(item.deleted);
}

TEST_CASE(
    "A deleted item needs neither name nor state, a package is a folder, the rest stays unknown") {
  CHECK(OnlyItem(R"({"id":"1","deleted":{}})").deleted);
  CHECK(OnlyItem(R"({"id":"1","deleted":{"state":"deleted"}})").deleted);
  CHECK(OnlyItem(R"({"id":"1","package":{"type":"oneNote"}})").kind == DriveItem::Kind::kFolder);
  CHECK(OnlyItem(R"({"id":"1"})").kind == DriveItem::Kind::kUnknown);
  CHECK(OnlyItem(R"({"id":"1","root":{}})").is_root);
}

TEST_CASE("A delta page without any link, a truncated one and an HTML page are asked for again") {
  for (const char* body : {R"({"value":[]})", R"({"value":[{"id":"1"},{"id":)", "<html></html>", "",
                           R"({"error":{"code":"x"}})", R"([])"}) {
    INFO(body);
    const auto page = DecodeDelta(body);
    REQUIRE_FALSE(page);
    CHECK(page.error().code == ErrorCode::kMalformed);
  }
}

TEST_CASE("An empty page with a next link is no end") {
  const auto page = DecodeDelta(R"({"value":[],"@odata.nextLink":"https://g/next"})");
  REQUIRE(page);
  CHECK(page->items.empty());
  CHECK(page->next_link == "https://g/next");
  CHECK(page->delta_link.empty());
}

TEST_CASE("A site without a display name is called after its address") {
  const auto page = DecodeSites(
      R"({"value":[{"id":"h,a,b","webUrl":"https://c-my.sharepoint.com/personal/adele_c_com/"},
                                             {"id":"h,c,d","webUrl":"https://c.sharepoint.com/sites/hr","displayName":"HR","isPersonalSite":false}]})");
  REQUIRE(page);
  CHECK(page->items[0].name == "adele_c_com");
  CHECK(page->items[0].is_personal);
  CHECK(page->items[1].name == "HR");
  CHECK_FALSE(page->items[1].is_personal);
}

TEST_CASE("The list behind a drive is told by either spelling, or by the drive's id") {
  const char* id = "b!UpwNPx5rWEyaC30uQcipEdAXvqQ3LQxKj24MW50-fxJmWx3I85ArTranWOPx0qAT";
  CHECK(ListIdOfDrive(id) == "c81d5b66-90f3-4e2b-b6a7-58e3f1d2a013");
  CHECK(ListIdOfDrive("b!short").empty());
  CHECK(ListIdOfDrive("").empty());
  const auto page = DecodeDrives(
      std::string(
          R"({"value":[{"id":"x","sharePointIds":{"listId":"ABC"}},{"id":"y","sharepointIds":{"listId":"DEF"},"system":{}},{"id":")") +
      id + R"("}]})");
  REQUIRE(page);
  CHECK(page->items[0].list_id == "abc");
  CHECK_FALSE(page->items[0].system);
  CHECK(page->items[1].list_id == "def");
  CHECK(page->items[1].system);
  CHECK(page->items[2].list_id == "c81d5b66-90f3-4e2b-b6a7-58e3f1d2a013");
}

TEST_CASE("List items without all their flags are no answer") {
  const auto whole = DecodeListItems(
      R"({"value":[{"ID":1,"HasUniqueRoleAssignments":true},{"Id":2,"HasUniqueRoleAssignments":false}],"odata.nextLink":"n"})");
  REQUIRE(whole);
  CHECK(whole->items[0].owns_scope);
  CHECK(whole->items[1].id == 2);
  CHECK_FALSE(whole->items[1].owns_scope);
  CHECK(whole->next_link == "n");
  CHECK_FALSE(DecodeListItems(R"({"value":[{"ID":1}]})"));
}

TEST_CASE("The sharing facet is trusted only on positive proof") {
  DriveEvidence proof;
  proof.items = 10;
  proof.root_seen = true;
  proof.root_shared = SharedFacet::kEmpty;
  proof.any_empty_facet = true;
  CHECK(HierarchyProven(proof, 0));
  CHECK_FALSE(HierarchyProven(proof, 1));

  DriveEvidence no_root_key = proof;
  no_root_key.root_shared = SharedFacet::kAbsent;
  CHECK_FALSE(HierarchyProven(no_root_key, 0));

  DriveEvidence never_empty = proof;  // A service that leaves {} out would hide locked-down items.
  never_empty.root_shared = SharedFacet::kShared;
  never_empty.any_empty_facet = false;
  CHECK_FALSE(HierarchyProven(never_empty, 0));

  DriveEvidence no_root = proof;
  no_root.root_seen = false;
  CHECK_FALSE(HierarchyProven(no_root, 0));
}

}  // namespace
}  // namespace spa
