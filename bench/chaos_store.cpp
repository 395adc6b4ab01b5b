#include "bench/chaos_store.h"

#include <boost/asio/steady_timer.hpp>
#include <random>

#include "cache/store_factory.h"

namespace spa {
namespace {

class ChaosStore final : public Store {
 public:
  ChaosStore(asio::any_io_executor executor, std::unique_ptr<Store> inner, std::uint64_t seed)
      : executor_(std::move(executor)), inner_(std::move(inner)), random_(seed) {}

  Task<Status> Open() override { return inner_->Open(); }
  Task<void> Close() override { return inner_->Close(); }

  Task<Result<std::vector<std::optional<std::string>>>> Get(
      std::vector<std::string> keys) override {
    auto answer = co_await Perhaps(inner_->Get(std::move(keys)));
    if (answer) {
      for (auto& envelope : *answer) Spoil(envelope);
    }
    co_return answer;
  }
  Task<Result<std::vector<StoredFence>>> Put(std::vector<StorePut> puts) override {
    return Perhaps(inner_->Put(std::move(puts)));
  }
  Task<Result<std::size_t>> Erase(std::vector<std::string> keys) override {
    return Perhaps(inner_->Erase(std::move(keys)));
  }
  Task<Result<Acquired>> Acquire(std::string key, std::chrono::milliseconds length) override {
    auto answer = co_await Perhaps(inner_->Acquire(std::move(key), length));
    if (answer) Spoil(answer->envelope);
    co_return answer;
  }
  Task<Result<bool>> Renew(Lease lease, std::chrono::milliseconds length) override {
    return Perhaps(inner_->Renew(std::move(lease), length));
  }
  Task<Result<bool>> Fill(Lease lease, StorePut put) override {
    return Perhaps(inner_->Fill(std::move(lease), std::move(put)));
  }
  Task<Result<void>> Release(Lease lease) override {
    return Perhaps(inner_->Release(std::move(lease)));
  }
  Task<Result<ScanPage>> Scan(Glob glob, std::string cursor) override {
    return Perhaps(inner_->Scan(std::move(glob), std::move(cursor)));
  }
  Task<Result<std::vector<std::string>>> Tagged(Tag tag) override {
    return Perhaps(inner_->Tagged(std::move(tag)));
  }
  Task<Result<void>> Untag(Tag tag, std::vector<std::string> keys) override {
    return Perhaps(inner_->Untag(std::move(tag), std::move(keys)));
  }
  Task<Result<void>> Stamp(Tag tag, CacheTime at) override {
    return Perhaps(inner_->Stamp(std::move(tag), at));
  }
  Task<Result<std::vector<CacheTime>>> Stamps(std::vector<Tag> tags) override {
    return Perhaps(inner_->Stamps(std::move(tags)));
  }
  Task<Result<std::size_t>> Cleanup() override { return Perhaps(inner_->Cleanup()); }
  Task<Result<void>> Clear() override { return Perhaps(inner_->Clear()); }
  Task<Result<void>> AddCounters(std::map<std::string, std::int64_t> more) override {
    return Perhaps(inner_->AddCounters(std::move(more)));
  }
  Task<Result<std::map<std::string, std::int64_t>>> Counters() override {
    return Perhaps(inner_->Counters());
  }
  Task<Result<void>> ResetCounters() override { return Perhaps(inner_->ResetCounters()); }
  void Watch(std::function<void(const StoreChange&)> listener) override {
    inner_->Watch(std::move(listener));
  }
  bool watching() const override { return inner_->watching(); }
  Task<Result<StoreInfo>> Info() override { return inner_->Info(); }

 private:
  bool OneIn(std::uint64_t many) { return random_() % many == 0; }

  template <class T>
  Task<Result<T>> Perhaps(Task<Result<T>> asked) {
    if (OneIn(10)) co_return Fail(ErrorCode::kUnreachable, "chaos: not done");
    if (OneIn(10)) {
      asio::steady_timer timer(executor_, std::chrono::milliseconds(random_() % 5));
      co_await timer.async_wait(asio::use_awaitable);
    }
    Result<T> answer = co_await std::move(asked);
    if (OneIn(10)) co_return Fail(ErrorCode::kUnreachable, "chaos: done, but nobody was told");
    co_return answer;
  }

  void Spoil(std::optional<std::string>& envelope) {
    if (!envelope || envelope->empty()) return;
    std::string& bytes = *envelope;
    const std::string sound = bytes;
    switch (random_() % 12) {
      case 0:
        bytes[random_() % bytes.size()] ^= static_cast<char>(1 << random_() % 8);
        break;
      case 1:
        bytes.resize(random_() % bytes.size());
        break;
      case 2:
        if (!another_.empty()) bytes = another_;
        break;
      case 3:
        bytes.assign(random_() % 500, static_cast<char>(random_()));
        break;
      default:
        break;
    }
    another_ = sound;
  }

  asio::any_io_executor executor_;
  std::unique_ptr<Store> inner_;
  std::mt19937_64 random_;
  std::string another_;  // An envelope returned before.
};

}  // namespace

void RegisterChaos(std::uint64_t seed) {
  RegisterStore(
      "chaos",
      [seed](asio::any_io_executor executor, std::string_view url, const StoreOptions& options,
             const StoreSecurity& security) mutable -> Result<std::unique_ptr<Store>> {
        auto inner = MakeStore(executor, url.substr(url.find(':') + 1), options, security);
        if (!inner) return Fail(std::move(inner.error()));
        return std::make_unique<ChaosStore>(executor, *std::move(inner), ++seed);
      });
}

}  // namespace spa
