// DiskFile: the SQLite file behind a DiskStore, and all that is done in it, plainly and in order.
//
// The file is known by its application_id. One that is not ours is refused and left as it is. One
// that is ours and damaged is moved to FILE.corrupt, with a warning, and begun anew. One that was
// moved or deleted by somebody else is noticed at the next Changes and begun anew, too.
//
// Several processes may use one file at once: whatever writes is one IMMEDIATE transaction, so
// nothing is ever half-written. Fences are drawn from one counter for the whole file, which begins
// at the clock's microseconds: they grow even over an erase or a new file.
//
// Threads: one thread at a time.
// Times are parameters. Errors: kStorage, with a remedy where there is one.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/store.h"
#include "core/sqlite.h"

namespace spa {

class DiskFile {
 public:
  DiskFile(std::string path, std::string name_space, std::size_t max_bytes,
           std::chrono::milliseconds timeout);

  Status Open();  // Also creates the folder (0700) and the file (0600).
  void Close();

  Result<std::vector<std::optional<std::string>>> Get(const std::vector<std::string>& keys,
                                                      CacheTime now);
  Result<std::vector<StoredFence>> Put(std::vector<StorePut>& puts, CacheTime now);
  Result<std::size_t> Erase(const std::vector<std::string>& keys, CacheTime now);
  Result<Acquired> Acquire(const std::string& key, std::chrono::milliseconds length, CacheTime now);
  Result<bool> Renew(const Lease& lease, std::chrono::milliseconds length, CacheTime now);
  Result<bool> Fill(const Lease& lease, StorePut& put, CacheTime now);
  Result<void> Release(const Lease& lease);
  // Looks at 1,000 keys at most, so a page may be empty although more follow.
  Result<ScanPage> Scan(const Glob& glob, const std::string& cursor, CacheTime now);
  Result<std::vector<std::string>> Tagged(const Tag& tag);
  Result<void> Untag(const Tag& tag, const std::vector<std::string>& keys);
  Result<void> Stamp(const Tag& tag, CacheTime at);
  Result<std::vector<CacheTime>> Stamps(const std::vector<Tag>& tags);
  // Drops 1,000 expired entries at most, of any namespace.
  Result<std::size_t> Cleanup(CacheTime now);
  Result<void> Clear();
  Result<void> AddCounters(const std::map<std::string, std::int64_t>& more);
  Result<std::map<std::string, std::int64_t>> Counters();
  Result<void> ResetCounters();
  Result<StoreInfo> Info(CacheTime now);

  // What other connections changed in this namespace since the last call.
  Result<StoreChange> Changes();

 private:
  struct Identity {  // Of the file that was opened, whatever now stands under its name.
    dev_t device = 0;
    ino_t inode = 0;
    friend bool operator==(const Identity&, const Identity&) = default;
  };

  Status Adopt();  // Ours, new, or an error.
  Status BeginWal();
  void MoveAside();
  std::optional<Identity> OnDisk() const;
  Status Finish(std::string_view doing);  // Hands out what failed, and heals a damaged file.
  template <class R, class Fn>
  Result<R> Reading(std::string_view doing, Fn fn);
  template <class R, class Fn>
  Result<R> Writing(std::string_view doing, Fn fn);

  sqlite::Statement& Sql(const char* sql) { return db_->Get(sql); }
  std::optional<std::uint64_t> LiveFence(const std::string& key, CacheTime now);
  std::optional<std::string> Find(const std::string& key, CacheTime now);
  bool Holds(const Lease& lease, CacheTime now);
  std::uint64_t NextFence();
  void Store(StorePut& put, std::uint64_t fence);
  void Tell(const std::string* key);  // Others; null: everything.
  void Trim();

  const std::string path_, space_;
  const std::size_t max_bytes_;
  const std::chrono::milliseconds timeout_;
  const std::int64_t writer_;  // Tells this connection's changes from others'.
  std::unique_ptr<sqlite::Database> db_;
  std::optional<Identity> identity_;
  std::int64_t data_version_ = 0, last_change_ = 0;
  bool lost_track_ = false;  // The file was begun anew: others' changes are unknown.
  std::uint64_t bytes_in_ = 0, bytes_out_ = 0;
};

}  // namespace spa
