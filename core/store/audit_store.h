// AuditStore: the audit database, one SQLite file that any SQLite tool can read while a run writes.
//
// Holds what was found (objects, scopes, grants, groups), in which run, and what could not be read
// (gaps). Rows that can change carry a validity interval [from_run, to_run): a run closes what it
// saw change and opens the new version, so that every finished run can still be exported.
//
// Threads: one thread at a time (ConcurrencyManager::RunDb sees to it).
// Writes: collected in transactions, which end half a second after the last one did, when something
// is written or by Commit(); a crash loses the open transaction alone.
// Errors: kStorage with the file and SQLite's words; kUsage for a file that is no audit database or
// was made by a newer program; kBusy when another run holds the lock.
// Schema: docs/schema.md; PRAGMA user_version names its version.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/finding.h"
#include "core/model.h"
#include "core/result.h"
#include "core/tenant_figures.h"

namespace spa {

namespace sqlite {
class Database;
}

using Oid = std::int64_t;    // An object's number in this database, the same in every run.
using RunNo = std::int64_t;  // A run's number; runs are ordered by it.

enum class RunMode {
  kFull,         // Everything is read.
  kIncremental,  // What changed since the last finished run.
  kAuto,         // Incremental, but full from time to time.
};

struct RunInfo {
  RunInfo() = default;
  RunNo number = 0;
  std::string id;      // For people and --run: unique, sortable by time.
  std::string status;  // running, complete, partial, failed, interrupted
  std::string mode;    // full, incremental, merged
  std::string shard;   // "2/4": the part of the tenant it audited; empty: all of it
  std::string tenant_id;
  std::string started_at, finished_at;
  std::string summary_json;  // The run summary as printed; empty while running.
};

// Whose place a replayed run takes.
struct RunIdentity {
  RunIdentity() = default;
  std::string id, started_at, finished_at;
};

// What a run is asked to be.
struct RunRequest {
  RunRequest() = default;
  RunRequest(std::string tenant, RunMode wanted) : tenant_id(std::move(tenant)), mode(wanted) {}
  std::string tenant_id;
  RunMode mode = RunMode::kFull;
  std::string shard;  // As RunInfo has it. To go on with a run, empty is whatever it was.
  // kIncremental only: permission sets read longer ago are read again.
  std::optional<std::chrono::seconds> max_age;
  // kAuto only: full where the last full run began longer ago.
  std::chrono::seconds full_after = std::chrono::days(7);
  // Instead of a new id and the present time, so that the database is the same each time. It must
  // hold no run yet: kUsage.
  std::optional<RunIdentity> replayed;
};

// What is known of a drive when its scan begins.
struct DriveState {
  DriveState() = default;
  std::optional<ScopeMethod> finished;  // This run (it was resumed) has it already, found thus.
  // The page this run was about to read when it stopped; empty: none. What came before is staged.
  std::string next_link;
  bool changes = false;  // What is staged before `next_link` are changes, not the whole.
  // Where what changed since an earlier run can be asked; empty: everything is to be read.
  std::string delta_link;
};

struct FindingCounts {  // Those of one run.
  FindingCounts() = default;
  std::int64_t open[5] = {};  // By severity: what nobody accepted.
  std::int64_t accepted = 0;  // With what was in the baseline.
  std::vector<std::pair<std::string, std::string>> not_evaluated;  // rules, and why
  std::optional<Severity> worst() const;                           // of those open
};

struct FoundList {  // A list, and the number it got in the store.
  FoundList() = default;
  Oid oid = 0;
  List list;
};

// What a drive's delta said about itself: evidence whether `hierarchicalsharing` was honoured.
struct DriveEvidence {
  DriveEvidence() = default;
  std::int64_t items = 0;  // live items, root included
  bool root_seen = false;
  SharedFacet root_shared = SharedFacet::kAbsent;
  bool any_empty_facet = false;    // some item had "shared": {}
  bool bare_below_shared = false;  // some item without the key stands below one with a scope
  std::int64_t orphans = 0;        // items whose parent never came
  std::int64_t with_facet = 0;     // items that have the key, root not counted
};

struct DeltaLink {  // Where a drive's next changes can be asked, and how it was made.
  DeltaLink() = default;
  DeltaLink(std::string url, std::string shape) : url(std::move(url)), shape(std::move(shape)) {}
  std::string url, shape;
};

// A scope owner whose permissions are to be read through Graph.
struct ScopeTarget {
  ScopeTarget() = default;
  Oid oid = 0;
  std::string drive_id, item_id;
  std::string list_id;             // GUID of the list it stands in; empty where not known
  std::int64_t list_item_id = -1;  // -1: the library or list itself, or not known
  bool is_container = false;       // the library or list itself
  // Owned its set when that was last read, and nobody said since that the item changed: it may have
  // gone back to inheriting unsaid (graph.md 4.7).
  bool stood = false;
};

// One whom a grant, a link or a site group names.
struct NamedPrincipal {
  NamedPrincipal() = default;
  std::string id, login, name, email;  // id or login may be empty, not both
};

// The hidden site group of a sharing link.
struct LinkGroup {
  LinkGroup() = default;
  std::string link_id, title;
  std::vector<Member> members;
};

struct GroupUse {  // One occurrence of a group in a scope.
  GroupUse() = default;
  GroupRef group;
};

struct Gap {
  Gap() = default;
  std::optional<Oid> oid;  // Absent: not about an object (a group, the tenant).
  std::string url;         // The object's URL, or a name for what it is about.
  CoverageState state = CoverageState::kFailed;
  std::string reason;
  std::string remedy;
};

struct Forecast {  // What an audit was expected to cost, as `plan` wrote it down.
  Forecast() = default;
  std::string made_at;
  std::string document;  // JSON: report/forecast.h
  std::string run_id;    // The first run that finished since; empty: none yet, or it was deleted.
};

struct StoreCounts {  // As of one run: what the summary prints.
  StoreCounts() = default;
  std::int64_t sites = 0, libraries = 0, folders = 0, files = 0, lists = 0, list_items = 0;
  std::int64_t unique_scopes = 0, acls = 0;
  std::int64_t grants = 0, links = 0, external = 0, anonymous = 0;
  std::int64_t discovered = 0, read = 0, inherited = 0, skipped = 0, failed = 0;
};

class AuditStore {
 public:
  enum class Mode { kReadWrite, kReadOnly };
  // Staged items that are held in memory, those of all drives together; more go to a file.
  static constexpr std::size_t kHeldItems = 50'000;

  // kReadWrite creates the file (0600) and migrates it; kReadOnly demands an existing one.
  static Result<std::unique_ptr<AuditStore>> Open(const std::string& path, Mode mode,
                                                  std::size_t held_items = kHeldItems);
  virtual ~AuditStore() = default;

  // --- runs ---
  // Takes the run lock (kBusy with pid, host and run id of the holder; a lock whose process is dead
  // on this host is taken over and that run marked interrupted). RunInfo::mode says what it became:
  // without a finished run of the tenant there is nothing to be incremental to. kUsage where the
  // database holds another part of the tenant: what that saw would be taken for gone.
  virtual Result<RunInfo> BeginRun(const RunRequest& request) = 0;
  // Goes on with a run that was interrupted or failed: `id`, or "last". What it had committed is
  // kept, its gaps are tried again. kUsage where a later run has finished since, or where it is of
  // another tenant, or without such a run.
  virtual Result<RunInfo> ResumeRun(const RunRequest& request, const std::string& id) = 0;
  // Everything was read: what this run did not see is closed, inheriting webs and lists find their
  // owner. Call before Counts of a run that is going to end complete or partial; FinishRun does it
  // where nobody did.
  virtual Status Settle() = 0;
  virtual Status FinishRun(const std::string& status, const std::string& summary_json) = 0;
  // Begins a run made of the latest finished runs of the databases `from`, which audited one part
  // of a tenant each, and fills it: what is equal in this database stays, all else ends with it.
  // With FinishRun all of it is there at once; a process that dies before leaves nothing behind.
  // Parts that are missing are a gap each if `partial`, else kUsage; so are databases that do not
  // belong together.
  virtual Result<RunInfo> BeginMerge(const std::vector<std::string>& from, bool partial) = 0;
  virtual Result<std::vector<RunInfo>> Runs() = 0;
  // `id` empty: the latest run that is complete or partial. kUsage where there is none.
  virtual Result<RunInfo> FindRun(const std::string& id) = 0;
  // Deletes runs and what no other run saw; the others can be exported as before. The present state
  // stays, for the next run compares with it. Gives those deleted. kBusy as for BeginRun; kUsage
  // for an unknown id, and for the last finished run, unless `force`.
  virtual Result<std::vector<RunInfo>> DeleteRuns(const std::vector<std::string>& ids,
                                                  bool force) = 0;
  // The same for all but the last `keep` finished runs, those begun at `begun_before` or later
  // (UtcText; empty: none is too young), and one that can be resumed.
  virtual Result<std::vector<RunInfo>> PruneRuns(int keep, const std::string& begun_before) = 0;
  // Gives room that became free back to the file system. Needs room for a second copy meanwhile.
  virtual Status Compact() = 0;

  // What `run` knows of the tenant that a forecast goes by.
  virtual Result<TenantFigures> Figures(RunNo run) = 0;
  virtual Status PutForecast(const std::string& tenant_id, const std::string& document) = 0;
  // Of the tenant, the last one first.
  virtual Result<std::vector<Forecast>> Forecasts(const std::string& tenant_id) = 0;

  // Also keeps what is staged, so that a run that is resumed goes on from there, and tells others
  // that this run is alive.
  virtual Status Commit() = 0;

  // --- what is concluded from a run, once Settle was called ---
  // Forgets what was concluded before, then lets `conclude` read what the run holds; it may call
  // PutFinding and PutRule meanwhile, and make temporary tables, which it drops.
  virtual Status Conclude(const std::function<Status(sqlite::Database& db)>& conclude) = 0;
  virtual Status PutFinding(const Finding& finding) = 0;  // One that is there already stays.
  virtual Status PutRule(const AppliedRule& rule) = 0;
  virtual Result<FindingCounts> CountFindings(RunNo run) = 0;
  // Outside a run, also while another process's run is under way. What is said of a finding takes
  // the place of what was said before.
  virtual Status Accept(std::span<const Acceptance> accepted) = 0;
  virtual Status Reopen(std::span<const std::string> findings) = 0;

  // --- what discovery finds (all within the current run) ---
  // Insert or refresh; the parent of a subsite must have been put before it.
  virtual Result<Oid> PutSite(const Site& site) = 0;
  // Graph id of the site that an earlier run knew at this address (no trailing slash); else empty.
  virtual Result<std::string> SiteAt(const std::string& url) = 0;
  virtual Result<Oid> PutDrive(Oid site, const Drive& drive) = 0;  // The library object.
  virtual Result<Oid> PutList(Oid site, const List& list) = 0;
  // All subsites, libraries and lists of the site were put: what else is known of it is gone.
  virtual Status PutListed(Oid site) = 0;

  // `shape`: how the delta is asked. A link made with another shape is not used (graph.md 4.4).
  virtual Result<DriveState> StateOfDrive(Oid library, const std::string& shape) = 0;
  // What is staged from here on are changes to what the database holds.
  virtual Status StageChanges(Oid library) = 0;
  // Appends one delta page to the drive's staging area. Of an item that comes again, the last wins.
  virtual Status StageItems(Oid library, std::vector<DriveItem> items) = 0;
  // All pages before `next_link` are staged: once that is committed, a resumed run begins there.
  virtual Status Checkpoint(Oid library, const std::string& next_link,
                            const std::string& shape) = 0;
  virtual Status DiscardStage(Oid library) = 0;  // 410, or the drive failed: old rows stay valid.
  virtual Result<DriveEvidence> StageEvidence(Oid library) = 0;
  // kRestUniqueFlags: which list item ids SharePoint said inherit; all others own a scope. May be
  // called often; replaces the facet.
  virtual Status StageInheriting(Oid library, std::span<const std::int64_t> list_item_ids) = 0;
  // Items named by unique id (SharingLinks groups, graph.md 4.9) that the stage says inherit.
  virtual Result<std::int64_t> StageContradictions(Oid library,
                                                   std::span<const std::string> unique_ids) = 0;
  // Merges the stage: links parents, finds each object's scope owner by the method, closes what is
  // gone. Under kItemPermissions every item becomes a target of ScopeTargets and ResolveItemScopes
  // must follow. `library_inherits`: REST said that the library itself owns no scope.
  virtual Status FinishDrive(Oid library, ScopeMethod method, bool library_inherits,
                             const DeltaLink& link) = 0;
  // Merges staged changes, by the method of the last whole pass, which it gives. The permissions of
  // what changed are due to be read. Nothing, where something changed and the method cannot tell
  // what that means for scopes: the drive must be read whole.
  virtual Result<std::optional<ScopeMethod>> FinishChanges(Oid library, bool library_inherits,
                                                           const DeltaLink& link) = 0;
  // Scope owners of a finished drive whose permissions are to be read, by oid, from `after` on, at
  // most `limit`: those this run has not read, or, where only changes were merged, those that are
  // new, changed, older than the run allows, or failed since they were last read.
  virtual Result<std::vector<ScopeTarget>> ScopeTargets(Oid library, Oid after, int limit) = 0;
  // kItemPermissions, after all sets were put: an item whose set equals its parent's inherits.
  virtual Status ResolveItemScopes(Oid library) = 0;

  // --- what permissions finds ---
  // The whole permission set of one scope owner. Equal sets are stored once.
  virtual Status PutScope(Oid owner, std::span<const Grant> grants) = 0;
  // A web or list that inherits (REST HasUniqueRoleAssignments false): its objects use `parent`'s.
  virtual Status PutInherits(Oid object) = 0;
  // What holds for a whole site collection beside any permission set: its administrators ("rest"),
  // applications with a grant of their own ("graph"). `site` is its topmost one. Each source is put
  // for itself; one that could not be read is not put, and what was known of it stays.
  virtual Status PutSiteScope(Oid site, const std::string& source,
                              std::span<const Grant> grants) = 0;
  // A list that shows or lets people change only what they made: what its grants allow is an upper
  // bound (permissions.md 3.4). 0: not told.
  virtual Status PutListSecurity(Oid list, std::int64_t read, std::int64_t write) = 0;
  // An item of a library that owned its set, and inherits now: so does what used its set.
  virtual Status PutItemInherits(Oid item) = 0;
  // Whether an item with these grants may inherit: where it does, its set is no longer the one it
  // owned, or that was as large as the one above.
  virtual Result<bool> MayInherit(Oid item, std::span<const Grant> grants) = 0;
  // The direct members. Where those of a site group that stands for a sharing link have changed,
  // the permission sets that hold the link are due: delta keeps silent about them (graph.md 4.7).
  virtual Status PutMembers(const GroupRef& group, std::span<const Member> members,
                            const GroupFacts& facts = GroupFacts()) = 0;
  // The link that site group `number` of the collection around `object` stands for; nothing where
  // it is a group like others, or not known.
  virtual Result<std::optional<LinkGroup>> FindLinkGroup(Oid object, const std::string& number) = 0;
  virtual Status PutPrincipal(const DirectoryObject& principal) = 0;
  // What something is set to, beside any permission, as JSON: "tenant_sharing",
  // "site_sharing:SITE_ID", "sign_in:USER_ID", "item_label:DRIVE_ID/NUMBER" (docs/schema.md).
  virtual Status PutSetting(const std::string& key, const std::string& value) = 0;
  // All settings whose key begins so were put: what this run did not see is no more.
  virtual Status SettleSettings(const std::string& prefix) = 0;
  virtual Result<bool> KnowsGuests() = 0;  // Whether the directory told of any guest.
  // Calls `use` for everybody whom the grants, links and site groups of this run name and whom no
  // member list of the directory has told about: by directory id, else by login.
  virtual Status ForEachNamed(const std::function<void(const NamedPrincipal&)>& use) = 0;
  // All site groups of a collection were put: what this run did not see is gone, links included.
  virtual Status SettleSiteGroups(const std::string& site_id) = 0;
  // Calls `use` for every occurrence of an expandable group in the grants of this run, in a stable
  // order, without holding them all in memory.
  virtual Status ForEachGroupUse(const std::function<void(const GroupUse&)>& use) = 0;

  virtual Status PutGap(const Gap& gap) = 0;
  virtual Result<StoreCounts> Counts(RunNo run) = 0;
  virtual Result<std::vector<Gap>> Gaps(RunNo run) = 0;
  // Drives per method, for the summary: ("delta_hierarchy", 12) …
  virtual Result<std::vector<std::pair<std::string, std::int64_t>>> MethodCounts(RunNo run) = 0;
  // When the oldest permission set or member list that stands in the present state was read: the
  // start of that run, in seconds since 1970; 0 without any.
  virtual Result<std::int64_t> OldestRead() = 0;
};

}  // namespace spa
