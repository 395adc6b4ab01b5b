// SqliteStore: AuditStore over one SQLite file. Private to core/store; others use AuditStore.
//
// The parts, one file each: audit_store.cpp (opening, transactions), run_log.cpp (runs, lock),
// object_rows.cpp (sites, libraries, lists and versions), drive_stage.cpp (delta pages on their
// way), held_merge.cpp (those in memory, numbered), drive_merge.cpp (from stage to objects),
// item_scopes.cpp (owners by comparison),
// permission_rows.cpp (permission sets, groups), ledger.cpp (gaps and counts), run_pruning.cpp
// (deleted runs), setting_rows.cpp (settings), finding_rows.cpp (findings), run_merge.cpp (one run
// out of those of several databases), figures.cpp (forecasts).
//
// After a storage error the open transaction is undone and the run can only be finished: every
// other call repeats the error.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/sqlite.h"
#include "core/store/audit_store.h"
#include "core/store/held_drive.h"

namespace spa {

// Of an item whose folder no page brought. Only a whole pass can mend it.
inline constexpr std::string_view kOrphanReason = "its parent folder was never listed";

class SqliteStore final : public AuditStore {
  using SteadyClock = std::chrono::steady_clock;

 public:
  SqliteStore(std::unique_ptr<sqlite::Database> db, std::size_t held_items);
  ~SqliteStore() override;  // A run that was not finished is interrupted.

  Result<RunInfo> BeginRun(const RunRequest& request) override;
  Result<RunInfo> ResumeRun(const RunRequest& request, const std::string& id) override;
  Status Settle() override;
  Status FinishRun(const std::string& status, const std::string& summary_json) override;
  Result<RunInfo> BeginMerge(const std::vector<std::string>& from, bool partial) override;
  Result<std::vector<RunInfo>> Runs() override;
  Result<RunInfo> FindRun(const std::string& id) override;
  Result<std::vector<RunInfo>> DeleteRuns(const std::vector<std::string>& ids, bool force) override;
  Result<std::vector<RunInfo>> PruneRuns(int keep, const std::string& begun_before) override;
  Status Compact() override;
  Result<TenantFigures> Figures(RunNo run) override;
  Status PutForecast(const std::string& tenant_id, const std::string& document) override;
  Result<std::vector<Forecast>> Forecasts(const std::string& tenant_id) override;
  Status Commit() override;

  Status Conclude(const std::function<Status(sqlite::Database& db)>& conclude) override;
  Status PutFinding(const Finding& finding) override;
  Status PutRule(const AppliedRule& rule) override;
  Result<FindingCounts> CountFindings(RunNo run) override;
  Status Accept(std::span<const Acceptance> accepted) override;
  Status Reopen(std::span<const std::string> findings) override;

  Result<Oid> PutSite(const Site& site) override;
  Result<std::string> SiteAt(const std::string& url) override;
  Result<Oid> PutDrive(Oid site, const Drive& drive) override;
  Result<Oid> PutList(Oid site, const List& list) override;
  Status PutListed(Oid site) override;

  Result<DriveState> StateOfDrive(Oid library, const std::string& shape) override;
  Status StageChanges(Oid library) override;
  Status StageItems(Oid library, std::vector<DriveItem> items) override;
  Status Checkpoint(Oid library, const std::string& next_link, const std::string& shape) override;
  Status DiscardStage(Oid library) override;
  Result<DriveEvidence> StageEvidence(Oid library) override;
  Status StageInheriting(Oid library, std::span<const std::int64_t> list_item_ids) override;
  Result<std::int64_t> StageContradictions(Oid library,
                                           std::span<const std::string> unique_ids) override;
  Status FinishDrive(Oid library, ScopeMethod method, bool library_inherits,
                     const DeltaLink& link) override;
  Result<std::optional<ScopeMethod>> FinishChanges(Oid library, bool library_inherits,
                                                   const DeltaLink& link) override;
  Result<std::vector<ScopeTarget>> ScopeTargets(Oid library, Oid after, int limit) override;
  Status ResolveItemScopes(Oid library) override;

  Status PutScope(Oid owner, std::span<const Grant> grants) override;
  Status PutInherits(Oid object) override;
  Status PutItemInherits(Oid item) override;
  Result<bool> MayInherit(Oid item, std::span<const Grant> grants) override;
  Status PutSiteScope(Oid site, const std::string& source, std::span<const Grant> grants) override;
  Status PutListSecurity(Oid list, std::int64_t read, std::int64_t write) override;
  Status PutMembers(const GroupRef& group, std::span<const Member> members,
                    const GroupFacts& facts) override;
  Result<std::optional<LinkGroup>> FindLinkGroup(Oid object, const std::string& number) override;
  Status PutPrincipal(const DirectoryObject& principal) override;
  Status PutSetting(const std::string& key, const std::string& value) override;
  Status SettleSettings(const std::string& prefix) override;
  Result<bool> KnowsGuests() override;
  Status ForEachNamed(const std::function<void(const NamedPrincipal&)>& use) override;
  Status SettleSiteGroups(const std::string& site_id) override;
  Status ForEachGroupUse(const std::function<void(const GroupUse&)>& use) override;

  Status PutGap(const Gap& gap) override;
  Result<StoreCounts> Counts(RunNo run) override;
  Result<std::vector<Gap>> Gaps(RunNo run) override;
  Result<std::vector<std::pair<std::string, std::int64_t>>> MethodCounts(RunNo run) override;
  Result<std::int64_t> OldestRead() override;

 private:
  // --- transactions (audit_store.cpp) ---
  Status Ready();                           // Demands a run; ends a transaction that is old.
  Status StartWrite();                      // The same, and opens the transaction if none is.
  Status EndWrite(std::string_view doing);  // Hands out what went wrong since StartWrite.

  // --- runs (run_log.cpp) ---
  Status TakeLock();  // Within a transaction; kBusy where a living run holds it.
  Result<RunInfo> FindLastRun();
  using ChooseRuns = std::function<Result<std::vector<RunInfo>>(const std::vector<RunInfo>&)>;
  Result<std::vector<RunInfo>> DeleteChosen(const ChooseRuns& choose);  // run_pruning.cpp
  // Enters a run that begins now, within a transaction; gives it an id where it has none.
  void EnterRun(RunInfo& run);
  Status CheckShard(const std::string& shard);  // No other part of a tenant is in here.
  Result<RunInfo> Begun(const RunInfo& run, const RunRequest& request, bool resumed);

  // --- versions (object_rows.cpp) ---
  struct Container {  // A site, library or list as it stands now.
    Container() = default;
    ObjectType type = ObjectType::kSite;
    Oid oid = 0, parent = 0;
    std::string_view graph_id, name, url;
  };
  Oid EntityOf(Oid container, std::string_view graph_id);  // Made where it is not there yet.
  void PutContainer(const Container& container);
  void Fork(Oid oid);  // Gives this run a version of its own, equal to the present one.
  void SetScope(Oid oid, Oid scope);  // A new version where the scope differs.
  void CloseObject(Oid oid);          // With its scope.
  void CloseScope(Oid oid);
  void CloseSiteScope(Oid oid);
  void CloseUnseenContainers();
  void ResolveContainerScopes();  // Containers that inherit point at the owner above.

  // --- the stage (drive_stage.cpp) ---
  struct Stage {
    Stage() = default;
    std::unique_ptr<HeldDrive> held = std::make_unique<HeldDrive>();  // Null: it is in the tables.
    bool on_file = false;                                             // Some of it is.
    std::int64_t rows = 0;                                            // Numbered so far.
    bool quiet = true;     // Nothing but the root was staged.
    bool changes = false;  // To what the database holds; else the whole drive.
    bool prepared = false;
    std::string next_link, shape;  // Of the last checkpoint, until it is written down.
  };
  void RememberStages();    // Of a run that goes on.
  void KeepStages();        // Writes down what is held, as far as the last checkpoints.
  void Spill(Oid library);  // From memory into the tables.
  void WriteRaw(Oid library, std::span<const DriveItem> items);
  void WriteCheckpoint(Oid library, const Stage& stage);
  void StagePresent(Oid library);
  void PrepareStage(Oid library);
  void DropPrepared(Oid library);
  void DropStage(Oid library);

  // --- the merge (drive_merge.cpp, ledger.cpp) ---
  std::string UrlOf(Oid container);
  void PlaceFolders(Oid library, ScopeMethod method, const std::string& library_url);
  bool NumberItems(Oid library, HeldDrive& drive);  // held_merge.cpp; whether any were known.
  // `known`: the database may hold items of the library.
  void MergeItems(Oid library, ScopeMethod method, const std::string& library_url,
                  StagedItems& staged, bool known);
  // `quiet`: nothing is staged to be merged.
  void EndDrive(Oid library, ScopeMethod method, bool library_inherits, const DeltaLink& link,
                bool quiet);
  void Confirm(Oid library);  // This run vouches for what the library's scopes are.
  // scope.due: why a set is to be read again. The service said so, with the flag that tells whether
  // the item owns it; or nobody said anything.
  static constexpr int kDueTold = 1, kDueUntold = 2;
  void MakeDue(std::string_view link_id);
  void WriteGap(std::optional<Oid> oid, std::string_view url, CoverageState state,
                std::string_view reason, std::string_view remedy);

  std::unique_ptr<sqlite::Database> db_;
  bool settled_ = false;
  bool concluding_ = false;  // Nothing is committed in between: what is read must stay as it is.
  RunNo run_ = 0;            // 0: none begun.
  RunNo fresh_from_ = 0;     // The first run whose reads an incremental one still takes.
  bool incremental_ = false;
  // When last; old transactions end by themselves.
  SteadyClock::time_point committed_, heartbeat_;
  std::optional<Error> broken_;
  std::optional<RunIdentity> replayed_;
  std::unordered_map<Oid, Stage> stages_;
  const std::size_t held_items_;  // At most so many are held in memory …
  std::size_t holding_ = 0;       // … and so many are.
  int writes_ = 0;                // Since the last transaction ended.
};

}  // namespace spa
