#include "tests/system/changes.h"

namespace spa::testing {

using nlohmann::json;

json Kinds() {
  return {"file.add",
          "file.add",
          "folder.add",
          "item.delete",
          "item.rename",
          "item.move",
          "item.edit",
          "item.edit",
          "item.share",
          "item.share",
          "item.unshare",
          "item.grant",
          "item.break",
          "item.inherit",
          "library.add",
          "library.delete",
          "library.rename",
          "library.grant",
          "library.ungrant",
          "library.break",
          "library.inherit",
          "list.grant",
          "list.ungrant",
          "list.break",
          "list.inherit",
          "listitem.add",
          "listitem.delete",
          "listitem.grant",
          "listitem.break",
          "listitem.inherit",
          "web.grant",
          "web.ungrant",
          "web.break",
          "web.inherit",
          "site.add",
          "site.delete",
          "site.rename",
          "group.add_member",
          "group.remove_member",
          "sitegroup.add_member",
          "sitegroup.remove_member",
          "link.people"};
}

json Change(Tenant& tenant, const json& what) {
  const auto changed = tenant.server().Mutate(what.dump());
  INFO((changed ? "" : changed.error().message));
  REQUIRE(changed.has_value());
  return json::parse(*changed);
}

std::string Exported(const Tenant& tenant, const std::string& database) {
  const Words of = {"--db", tenant.File(database)};
  Words all = of;
  all.push_back("--all");
  return ReadText(tenant.Export("permissions", all)) + ReadText(tenant.Export("objects", of)) +
         ReadText(tenant.Export("coverage", of));
}

}  // namespace spa::testing
