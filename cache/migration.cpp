#include "cache/migration.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <unordered_set>

#include "cache/cache_key.h"
#include "cache/envelope.h"
#include "core/digest.h"
#include "core/encoding.h"

namespace spa {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kHeader = "spa-cache-backup 1\n";
constexpr std::size_t kDigestBytes = 64;  // SHA-256 in hex.
constexpr std::size_t kBatch = 200;
constexpr std::size_t kLongestKey = 4096;
constexpr std::size_t kLargestEnvelope = kLargestPayload + (std::size_t{1} << 20);

struct Item {
  Item(std::string key, std::string bytes, Envelope envelope)
      : key(std::move(key)), bytes(std::move(bytes)), envelope(std::move(envelope)) {}
  std::string key, bytes;
  Envelope envelope;
};

struct ItemPage {
  ItemPage() = default;
  std::vector<Item> items;
  std::size_t skipped = 0;
  std::string cursor;
};

// A scan may name a key twice.
using SeenKeys = std::unordered_set<Fingerprint, FingerprintHash>;

bool MayLeaveMemory(std::string_view key) {
  const auto parsed = CacheKey::Parse(key);
  return parsed && PolicyOf(parsed->kind()).residence == Residence::kEverywhere;
}

Task<Result<ItemPage>> ReadPage(Store& store, Glob glob, std::string cursor, SeenKeys& seen) {
  auto scanned = co_await store.Scan(std::move(glob), std::move(cursor));
  if (!scanned) co_return Fail(scanned.error());
  ItemPage page;
  page.cursor = std::move(scanned->cursor);
  std::vector<std::string> keys;
  for (std::string& key : scanned->keys) {
    if (!seen.insert(FingerprintOf(key)).second) continue;
    if (MayLeaveMemory(key)) {
      keys.push_back(std::move(key));
    } else {
      ++page.skipped;
    }
  }
  auto found = co_await store.Get(keys);
  if (!found) co_return Fail(found.error());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    auto& bytes = (*found)[i];
    auto opened = bytes ? OpenEnvelope(*bytes, keys[i], {}) : Opened();
    if (opened.envelope) {
      page.items.emplace_back(std::move(keys[i]), *std::move(bytes), *std::move(opened.envelope));
    } else {
      ++page.skipped;
    }
  }
  co_return page;
}

StorePut PutOf(Item& item) {
  StorePut put;
  put.key = std::move(item.key);
  put.expires = item.envelope.expires();
  put.tags = std::move(item.envelope.tags);
  put.envelope = std::move(item.bytes);
  return put;
}

milliseconds Since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start);
}

std::array<CacheTime, 4> Deadlines(const Envelope& e) {
  return {e.error_until, e.stale_until, e.fresh_until, e.created};
}

void Compare(const Item& from, const Item& to, CacheTime now, ValidationReport& report) {
  const Envelope &a = from.envelope, &b = to.envelope;
  if (a.payload != b.payload) report.value_mismatches.push_back(from.key);
  const auto ours = Deadlines(a), theirs = Deadlines(b);
  const auto [one, other] = std::mismatch(ours.begin(), ours.end(), theirs.begin());
  if (one != ours.end()) {
    TtlMismatch& mismatch = report.ttl_mismatches.emplace_back();
    mismatch.key = from.key;
    mismatch.from = std::chrono::duration_cast<milliseconds>(*one - now);
    mismatch.to = std::chrono::duration_cast<milliseconds>(*other - now);
  }
  if (a.schema != b.schema || a.compressed != b.compressed || a.tags != b.tags) {
    report.metadata_mismatches.push_back(from.key);
  }
}

// --- Files
// ----------------------------------------------------------------------------------------

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

Error FileError(const std::string& doing, const std::string& path) {
  return Error(ErrorCode::kStorage, fmt::format("{} {}: {}", doing, path, std::strerror(errno)),
               "Check the path, the rights and the free space.");
}

Error NoBackup(const std::string& path) {
  return Error(ErrorCode::kMalformed, fmt::format("{} is damaged or no backup of a cache", path),
               "Name a file that `cache backup` wrote; nothing was restored.");
}

// Under another name until Finish; removed where that does not come.
class BackupWriter {
 public:
  explicit BackupWriter(std::string path) : path_(std::move(path)), part_(path_ + "." + NewGuid()) {
    const int file = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file >= 0) file_.reset(::fdopen(file, "wb"));
    ok_ = file_ != nullptr;
    Write(kHeader);
  }
  ~BackupWriter() {
    if (!part_.empty()) std::remove(part_.c_str());
  }
  BackupWriter(const BackupWriter&) = delete;

  void Add(const Item& item) {
    Number(static_cast<std::uint32_t>(item.key.size()));
    Number(static_cast<std::uint32_t>(item.bytes.size()));
    Write(item.key);
    Write(item.bytes);
    ++result_.entries;
  }

  Result<BackupResult> Finish() {
    Number(std::uint32_t{0});  // No key is empty: the records end here.
    Number(static_cast<std::uint64_t>(result_.entries));
    const std::string digest = content_.Hex();
    ok_ = ok_ && std::fwrite(digest.data(), 1, digest.size(), file_.get()) == digest.size();
    whole_.Add(digest);
    result_.bytes += digest.size();
    ok_ = ok_ && std::fflush(file_.get()) == 0 && ::fsync(::fileno(file_.get())) == 0 &&
          std::rename(part_.c_str(), path_.c_str()) == 0;
    if (!ok_) return Fail(FileError("cannot write", path_));
    part_.clear();
    result_.path = path_;
    result_.sha256 = whole_.Hex();
    return result_;
  }

  bool ok() const { return ok_; }

 private:
  template <class Word>
  void Number(Word word) {
    Write({reinterpret_cast<const char*>(&word), sizeof word});
  }
  void Write(std::string_view bytes) {
    ok_ = ok_ && std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) == bytes.size();
    content_.Add(bytes);
    whole_.Add(bytes);
    result_.bytes += bytes.size();
  }

  std::string path_, part_;
  File file_;
  Sha256 content_, whole_;
  BackupResult result_;
  bool ok_ = false;
};

class BackupReader {
 public:
  explicit BackupReader(const std::string& path) : file_(std::fopen(path.c_str(), "rbe")) {}

  bool opened() const { return file_ != nullptr; }

  // The digest, the header, and every record within its bounds. Goes back to the first record.
  bool IsWhole() {
    if (std::fseek(file_.get(), 0, SEEK_END) != 0) return false;
    const long size = std::ftell(file_.get());
    if (size < static_cast<long>(kHeader.size() + 12 + kDigestBytes)) return false;
    std::rewind(file_.get());
    Sha256 digest;
    std::string chunk;
    for (std::size_t left = static_cast<std::size_t>(size) - kDigestBytes; left > 0;) {
      if (!Read(chunk, std::min<std::size_t>(left, 65536))) return false;
      digest.Add(chunk);
      left -= chunk.size();
    }
    if (!Read(chunk, kDigestBytes) || chunk != digest.Hex() || !Rewind()) return false;
    std::uint64_t records = 0;
    std::string key, bytes;
    while (Next(key, bytes)) ++records;
    std::uint64_t told = 0;
    return at_end_ && Number(told) && told == records && Rewind();
  }

  bool Next(std::string& key, std::string& bytes) {
    std::uint32_t key_size = 0, size = 0;
    if (!Number(key_size)) return false;
    at_end_ = key_size == 0;
    return !at_end_ && Number(size) && key_size <= kLongestKey && size <= kLargestEnvelope &&
           Read(key, key_size) && Read(bytes, size);
  }

 private:
  bool Rewind() {
    std::rewind(file_.get());
    at_end_ = false;
    std::string header;
    return Read(header, kHeader.size()) && header == kHeader;
  }
  template <class Word>
  bool Number(Word& word) {
    return std::fread(&word, sizeof word, 1, file_.get()) == 1;
  }
  bool Read(std::string& bytes, std::size_t size) {
    bytes.resize(size);
    return std::fread(bytes.data(), 1, size, file_.get()) == size;
  }

  File file_;
  bool at_end_ = false;
};

}  // namespace

Task<Result<MigrationResult>> Migrate(Store& from, Store& to, Glob glob) {
  MigrationResult result;
  SeenKeys seen;
  std::string cursor;
  do {
    auto page = co_await ReadPage(from, glob, cursor, seen);
    if (!page) co_return Fail(page.error());
    cursor = page->cursor;
    result.skipped += page->skipped;
    std::vector<StorePut> puts;
    for (Item& item : page->items) puts.push_back(PutOf(item));
    result.entries += puts.size();
    if (puts.empty()) continue;
    auto stored = co_await to.Put(std::move(puts));
    if (!stored) co_return Fail(stored.error());
  } while (!cursor.empty());
  co_return result;
}

Task<Result<ValidationReport>> Validate(Store& from, Store& to) {
  ValidationReport report;
  const CacheTime now = std::chrono::system_clock::now();
  const Glob all("*");
  SeenKeys ours, theirs;
  std::size_t from_count = 0, to_count = 0;
  std::string cursor;
  do {
    auto page = co_await ReadPage(from, all, cursor, ours);
    if (!page) co_return Fail(page.error());
    cursor = page->cursor;
    from_count += page->items.size();
    std::vector<std::string> keys;
    for (const Item& item : page->items) keys.push_back(item.key);
    auto found = co_await to.Get(std::move(keys));
    if (!found) co_return Fail(found.error());
    for (std::size_t i = 0; i < page->items.size(); ++i) {
      const Item& item = page->items[i];
      auto& bytes = (*found)[i];
      auto opened = bytes ? OpenEnvelope(*bytes, item.key, {}) : Opened();
      if (!opened.envelope) {
        report.value_mismatches.push_back(item.key);
        continue;
      }
      const Item other(item.key, *std::move(bytes), *std::move(opened.envelope));
      Compare(item, other, now, report);
    }
  } while (!cursor.empty());
  do {
    auto page = co_await ReadPage(to, all, cursor, theirs);
    if (!page) co_return Fail(page.error());
    cursor = page->cursor;
    to_count += page->items.size();
    for (const Item& item : page->items) {
      if (!ours.contains(FingerprintOf(item.key))) report.value_mismatches.push_back(item.key);
    }
  } while (!cursor.empty());
  report.key_count_match = from_count == to_count;
  report.is_consistent = report.key_count_match && report.value_mismatches.empty() &&
                         report.ttl_mismatches.empty() && report.metadata_mismatches.empty();
  co_return report;
}

Task<Result<BackupResult>> Backup(Store& store, std::string path) {
  const auto start = std::chrono::steady_clock::now();
  BackupWriter writer(path);
  if (!writer.ok()) co_return Fail(FileError("cannot write", path));
  const Glob all("*");
  SeenKeys seen;
  std::string cursor;
  do {
    auto page = co_await ReadPage(store, all, cursor, seen);
    if (!page) co_return Fail(page.error());
    cursor = page->cursor;
    for (const Item& item : page->items) writer.Add(item);
    if (!writer.ok()) co_return Fail(FileError("cannot write", path));
  } while (!cursor.empty());
  auto result = writer.Finish();
  if (result) result->duration = Since(start);
  co_return result;
}

Task<Result<RestoreResult>> Restore(std::string path, Store& store, CacheTime now) {
  const auto start = std::chrono::steady_clock::now();
  BackupReader reader(path);
  if (!reader.opened()) co_return Fail(FileError("cannot read", path));
  if (!reader.IsWhole()) co_return Fail(NoBackup(path));
  RestoreResult result;
  result.path = path;
  std::string key, bytes;
  std::vector<StorePut> puts;
  bool more = true;
  while (more) {
    more = reader.Next(key, bytes);
    if (more) {
      auto opened = OpenEnvelope(bytes, key, {});
      if (!opened.envelope || opened.envelope->expires() <= now || !MayLeaveMemory(key)) {
        ++result.skipped;
        continue;
      }
      Item item(std::move(key), std::move(bytes), *std::move(opened.envelope));
      puts.push_back(PutOf(item));
    }
    if (puts.size() < kBatch && (more || puts.empty())) continue;
    result.entries += puts.size();
    auto stored = co_await store.Put(std::move(puts));
    puts.clear();
    if (!stored) co_return Fail(stored.error());
  }
  result.duration = Since(start);
  co_return result;
}

}  // namespace spa
