// DiskStore: the second cache level in one SQLite file (cache/disk_file.h), the default: it needs
// no service and survives the process, so that tonight's run reuses yesterday's groups.
//
// Several processes may share the file. What others change is heard through SQLite's data_version,
// looked at every 250 ms, and a bounded table of changed keys.
//
// All work is done on one thread of its own, one operation after the other; 10,000 may wait for it,
// further ones fail at once with kUnreachable. An operation that meets another process's write
// waits StoreOptions.timeout for it. Close, which must be awaited once Open has succeeded, ends the
// listening; operations after it fail with kUnreachable.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>

#include "cache/disk_file.h"
#include "cache/store.h"

namespace spa {

class DiskStore final : public Store {
 public:
  DiskStore(asio::any_io_executor executor, std::string path, StoreOptions options = {});
  ~DiskStore() override;

  Task<Status> Open() override;
  Task<void> Close() override;
  Task<Result<std::vector<std::optional<std::string>>>> Get(std::vector<std::string> keys) override;
  Task<Result<std::vector<StoredFence>>> Put(std::vector<StorePut> puts) override;
  Task<Result<std::size_t>> Erase(std::vector<std::string> keys) override;
  Task<Result<Acquired>> Acquire(std::string key, std::chrono::milliseconds length) override;
  Task<Result<bool>> Renew(Lease lease, std::chrono::milliseconds length) override;
  Task<Result<bool>> Fill(Lease lease, StorePut put) override;
  Task<Result<void>> Release(Lease lease) override;
  Task<Result<ScanPage>> Scan(Glob glob, std::string cursor) override;
  Task<Result<std::vector<std::string>>> Tagged(Tag tag) override;
  Task<Result<void>> Untag(Tag tag, std::vector<std::string> keys) override;
  Task<Result<void>> Stamp(Tag tag, CacheTime at) override;
  Task<Result<std::vector<CacheTime>>> Stamps(std::vector<Tag> tags) override;
  Task<Result<std::size_t>> Cleanup() override;
  Task<Result<void>> Clear() override;
  Task<Result<void>> AddCounters(std::map<std::string, std::int64_t> more) override;
  Task<Result<std::map<std::string, std::int64_t>>> Counters() override;
  Task<Result<void>> ResetCounters() override;
  void Watch(std::function<void(const StoreChange&)> listener) override;
  bool watching() const override { return watching_; }
  Task<Result<StoreInfo>> Info() override;

 private:
  // On the file's thread.
  using Work = std::function<Status(DiskFile& file)>;

  [[nodiscard]] Task<Status> Run(Work work);
  template <class R>
  [[nodiscard]] Task<Result<R>> Do(std::function<Result<R>(DiskFile&)> work);
  [[nodiscard]] Task<void> Listen();

  asio::any_io_executor executor_;
  const std::string path_;
  const StoreOptions options_;
  HealthGate gate_;
  DiskFile file_;
  asio::thread_pool thread_{1};
  bool open_ = false;
  bool watching_ = false;
  bool listening_ = false;
  int waiting_ = 0;
  std::uint64_t operations_ = 0, errors_ = 0;
  std::function<void(const StoreChange&)> listener_;
  asio::steady_timer next_look_;
  asio::steady_timer listened_;
};

}  // namespace spa
