// What the store's and the reports' tests share: a directory that goes away, and short spellings.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/sqlite.h"
#include "core/store/audit_store.h"
#include "tests/catch.h"

namespace spa::testing {

class TempDir {
 public:
  TempDir();
  ~TempDir() { std::filesystem::remove_all(path_); }
  std::string File(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// The value, or a failed test that prints the error.
template <class T>
T Must(Result<T> result) {
  INFO((result ? std::string() : result.error().message));
  REQUIRE(result.has_value());
  return *std::move(result);
}
inline void Must(Status status) {
  INFO((status ? std::string() : status.error().message));
  REQUIRE(status.has_value());
}

std::unique_ptr<AuditStore> OpenStore(const std::string& path,
                                      std::size_t held_items = AuditStore::kHeldItems);

Site MakeSite(const std::string& id, const std::string& url, const std::string& parent = "");
Drive MakeDrive(const std::string& id, const std::string& url);
DriveItem Root(const std::string& id, SharedFacet shared = SharedFacet::kEmpty);
DriveItem Folder(const std::string& id, const std::string& parent, const std::string& name,
                 SharedFacet shared = SharedFacet::kAbsent);
DriveItem File(const std::string& id, const std::string& parent, const std::string& name,
               SharedFacet shared = SharedFacet::kAbsent);
DriveItem Deleted(const std::string& id);
GroupRef Group(const std::string& id);
Grant UserGrant(const std::string& id, Role role = Role::kRead);
Grant GroupGrant(const std::string& id, Role role = Role::kRead);  // As SharePoint tells it.
Grant LinkGrant(const std::string& id, const std::string& scope,
                std::vector<std::string> people = {});

// Stages the items and finishes the drive, then gives every scope owner `grants` made from its item
// id.
void FillDrive(AuditStore& store, Oid library, const std::vector<DriveItem>& items,
               ScopeMethod method = ScopeMethod::kDeltaHierarchy, bool library_inherits = false);

// The first column of each row, joined with "|" where there are more.
std::vector<std::string> Rows(const std::string& path, const std::string& sql);

void Execute(const std::string& path, const std::string& sql);

}  // namespace spa::testing
