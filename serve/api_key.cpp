#include "serve/api_key.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include "core/encoding.h"
#include "core/open_file.h"

namespace spa {
namespace {

Error CannotUse(const std::string& path, const char* why) {
  return Error(ErrorCode::kUsage, fmt::format("the key file {} cannot be used: {}", path, why),
               "check the path and who may read it, or give --api-key-file");
}

Status MakeDirectoryOf(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  std::filesystem::path made;
  for (const auto& part : parent) {
    made /= part;
    if (::mkdir(made.c_str(), 0700) != 0 && errno != EEXIST && errno != EISDIR) {
      return Fail(CannotUse(path, std::strerror(errno)));
    }
  }
  return {};
}

Result<Secret> MakeKey(const std::string& path, int fd) {
  std::string bytes(32, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), 32) != 1) {
    return Fail(ErrorCode::kInternal, "the system gave no random bytes");
  }
  std::string key = Base64Url(bytes);
  const std::string line = key + '\n';
  if (::write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    return Fail(CannotUse(path, std::strerror(errno)));
  }
  return Secret(std::move(key));
}

Result<Secret> ReadKey(const std::string& path, int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return Fail(CannotUse(path, std::strerror(errno)));
  if (status.st_uid != ::geteuid() || (status.st_mode & 077) != 0) {
    return Fail(CannotUse(path, "others may read or replace it; it must be yours and mode 0600"));
  }
  std::string text(4096, '\0');
  const ssize_t size = ::read(fd, text.data(), text.size());
  if (size < 0) return Fail(CannotUse(path, std::strerror(errno)));
  text.resize(static_cast<std::size_t>(size));
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return Secret(std::move(text));
}

}  // namespace

Result<ApiKey> ApiKey::From(const Secret& key) {
  if (key.Reveal().size() < kShortest) {
    return Fail(ErrorCode::kUsage,
                fmt::format("the API key is shorter than {} characters", kShortest),
                "make one with `openssl rand -base64 32`");
  }
  ApiKey made;
  if (RAND_bytes(made.salt_.data(), static_cast<int>(made.salt_.size())) != 1) {
    return Fail(ErrorCode::kInternal, "the system gave no random bytes");
  }
  made.digest_ = made.DigestOf(key.Reveal());
  return made;
}

bool ApiKey::Matches(std::string_view given) const {
  const Digest digest = DigestOf(given);
  return CRYPTO_memcmp(digest.data(), digest_.data(), digest.size()) == 0;
}

ApiKey::Digest ApiKey::DigestOf(std::string_view text) const {
  Digest digest{};
  HMAC(EVP_sha256(), salt_.data(), static_cast<int>(salt_.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), nullptr);
  return digest;
}

Result<Secret> ReadOrMakeKeyFile(const std::string& path) {
  if (auto made = MakeDirectoryOf(path); !made) return Fail(std::move(made.error()));
  const OpenFile fresh(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fresh.is_open()) return MakeKey(path, fresh.fd());
  if (errno != EEXIST) return Fail(CannotUse(path, std::strerror(errno)));
  const OpenFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.is_open()) return Fail(CannotUse(path, std::strerror(errno)));
  return ReadKey(path, file.fd());
}

}  // namespace spa
