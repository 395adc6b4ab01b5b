// ScopeReader: the permissions of scope owners into the store: of drive items through Graph in
// batches, of list items through SharePoint REST. Where Graph has no word for a level, SharePoint
// is asked for the rights behind it. An item that is read again though nobody said that it changed
// may inherit by now: where its set could be that of its parent, SharePoint is asked. Graph cannot
// tell: it marks copied entries as inherited, too. Without SharePoint it counts as owner.
//
// Threads: the io_context's thread.
// Ends: ReadDrive and ReadList return when their reads are started in `reads`; or, where every item
// is a target, when all were read and compared.
#pragma once

#include "core/async/task_group.h"
#include "core/config/config.h"
#include "core/graph/batch_queue.h"
#include "core/run_progress.h"
#include "core/store/store_writer.h"
#include "permissions/people.h"
#include "permissions/role_assignments.h"

namespace spa {

class ScopeReader {
 public:
  static constexpr int kMaxReads = 400;  // waiting in the queue at once: twenty full batches

  struct Parts {
    BatchQueue& batches;
    SharePointClient* sharepoint;  // null: Graph-only mode
    StoreWriter& store;
    RunProgress& progress;
    People& people;
    RoleAssignments* assignments;  // null: Graph-only mode
  };

  ScopeReader(Parts parts, PermissionsConfig config, asio::any_io_executor executor);

  // `site_url` without a trailing slash.
  [[nodiscard]] Task<void> ReadDrive(Oid library, std::string site_url, ScopeMethod method,
                                     TaskGroup& reads);
  [[nodiscard]] Task<void> ReadList(Oid list, std::string site_url, TaskGroup& reads);

 private:
  using SiteUrl = std::shared_ptr<const std::string>;
  using Read = Task<void> (ScopeReader::*)(ScopeTarget, SiteUrl);

  [[nodiscard]] Task<void> ReadTargets(Oid container, std::string site_url, Read read,
                                       TaskGroup& reads);
  [[nodiscard]] Task<void> ReadByGraph(ScopeTarget target, SiteUrl site_url);
  [[nodiscard]] Task<bool> InheritsNow(const ScopeTarget& target, std::span<const Grant> grants,
                                       const std::string& site_url);
  // Items of one list.
  [[nodiscard]] Task<void> ReadByRest(std::vector<ScopeTarget> targets, SiteUrl site_url);
  [[nodiscard]] Task<void> Enter(ScopeTarget target, Result<std::vector<Grant>> grants);
  // The hidden groups among them become the links they stand for.
  [[nodiscard]] Task<void> FindLinks(const ScopeTarget& target, std::vector<Grant>& grants);
  // Asks SharePoint for the levels that Graph has no word for.
  [[nodiscard]] Task<void> MakeClear(const ScopeTarget& target, const std::string& site_url,
                                     std::vector<Grant>& grants);
  [[nodiscard]] Task<Result<std::vector<Grant>>> Assignments(const ScopeTarget& target,
                                                             const std::string& site_url);

  Parts parts_;
  PermissionsConfig config_;
  asio::any_io_executor executor_;
  bool told_ = false;  // that some levels stay unclear, where nobody can make them clear
};

}  // namespace spa
