// People: one identity for each person whom grants, links and site groups name, and what the
// directory knows of them: whether the account is enabled, deleted, or not there at all
// (permissions.md 5).
//
// SharePoint often knows somebody by the login alone. Graph finds the person by the
// userPrincipalName in it; from then on the directory id is the identity. One who is gone may still
// be found among the deleted; guests that only SharePoint knows have no object and are not asked
// for. Every lookup goes through the cache and travels in a batch.
//
// Threads: the io_context's thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "cache/cache_manager.h"
#include "core/async/task_group.h"
#include "core/graph/batch_queue.h"
#include "core/store/store_writer.h"
#include "permissions/directory_group.h"

namespace spa {

class People {
 public:
  struct Parts {
    BatchQueue& directory;
    CacheManager& cache;
    std::string tenant;  // What keys begin with.
    StoreWriter& store;
  };

  People(Parts parts, asio::any_io_executor executor);

  // Gives those their directory id who have a login alone. Who cannot be found keeps the login.
  [[nodiscard]] Task<void> Identify(std::vector<Grant>& grants);
  [[nodiscard]] Task<void> Identify(std::vector<Member>& members);

  // Enters what the directory knows of everybody who is named and stands in no group of it.
  [[nodiscard]] Task<void> Run();

 private:
  using Ids = std::map<std::string, std::string>;  // by login; empty where there is none
  [[nodiscard]] Task<void> Resolve(Ids& ids);
  [[nodiscard]] Task<void> ResolveOne(std::string login, std::string& id);
  [[nodiscard]] Task<std::string> IdOf(std::string login);
  [[nodiscard]] Task<void> LookUp(NamedPrincipal named);
  // By directory id or userPrincipalName, through the cache. One who is not there is an answer.
  [[nodiscard]] Task<Result<DirectoryObject>> Find(std::string key);
  [[nodiscard]] Task<Result<DirectoryObject>> Load(std::string key);
  [[nodiscard]] Task<Result<DirectoryObject>> LoadBySid(std::string sid);
  [[nodiscard]] Task<Result<DirectoryObject>> LoadDeleted(std::string key);
  [[nodiscard]] Task<void> TellOfFailure(std::string who, const Error& error);

  Parts parts_;
  asio::any_io_executor executor_;
  Cache<DirectoryObject> people_;
  std::set<std::string> told_;                           // logins whose failure is in the ledger
  std::optional<std::vector<DirectoryObject>> deleted_;  // users, listed once where it is needed
  bool denied_ = false;  // The application may not ask for people; once is enough.
};

}  // namespace spa
