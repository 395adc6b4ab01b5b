#include "core/http/host_probe.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netdb.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstring>
#include <ctime>
#include <memory>

#include "core/http/url.h"

namespace spa {
namespace {

constexpr long kPatienceSeconds = 10;

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeX509 {
  void operator()(X509* certificate) const { X509_free(certificate); }
};

std::string NameText(const X509_NAME* name) {
  const std::unique_ptr<BIO, FreeBio> bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, size > 0 ? static_cast<std::size_t>(size) : 0);
}

void ReadChain(CURL* easy, std::vector<ShownCertificate>& chain) {
  curl_certinfo* all = nullptr;
  if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &all) != CURLE_OK || all == nullptr) return;
  for (int i = 0; i < all->num_of_certs; ++i) {
    for (const curl_slist* line = all->certinfo[i]; line != nullptr; line = line->next) {
      constexpr std::string_view kLead = "Cert:";
      const std::string_view text = line->data;
      if (!text.starts_with(kLead)) continue;
      const std::unique_ptr<BIO, FreeBio> bio(BIO_new_mem_buf(
          text.data() + kLead.size(), static_cast<int>(text.size() - kLead.size())));
      const std::unique_ptr<X509, FreeX509> certificate(
          PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
      if (!certificate) continue;
      ShownCertificate& shown = chain.emplace_back();
      shown.subject = NameText(X509_get_subject_name(certificate.get()));
      shown.issuer = NameText(X509_get_issuer_name(certificate.get()));
      std::tm end{};
      ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end);
      shown.not_after = std::chrono::system_clock::from_time_t(timegm(&end));
    }
  }
}

// Connects, with TLS where the URL asks for it, and says nothing.
CURLcode Connect(const std::string& url, const std::string& ca_file, const std::string& proxy,
                 bool verify, HostProbe& probe) {
  const std::unique_ptr<CURL, FreeEasy> easy(curl_easy_init());
  CURL* e = easy.get();
  char words[CURL_ERROR_SIZE] = {};
  curl_easy_setopt(e, CURLOPT_URL, url.c_str());
  curl_easy_setopt(e, CURLOPT_CONNECT_ONLY, 1L);
  curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(e, CURLOPT_CERTINFO, 1L);
  curl_easy_setopt(e, CURLOPT_ERRORBUFFER, words);
  curl_easy_setopt(e, CURLOPT_TIMEOUT, kPatienceSeconds);
  curl_easy_setopt(e, CURLOPT_PROXY, proxy.c_str());
  curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
  curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
  if (!ca_file.empty()) curl_easy_setopt(e, CURLOPT_CAINFO, ca_file.c_str());
  const CURLcode code = curl_easy_perform(e);
  ReadChain(e, probe.chain);
  long status = 0;
  curl_easy_getinfo(e, CURLINFO_HTTP_CONNECTCODE, &status);
  probe.proxy_status = static_cast<int>(status);
  if (verify) probe.failure = words[0] != '\0' ? words : curl_easy_strerror(code);
  return code;
}

// Nothing, or why the name has no address.
std::string Resolve(const std::string& host, std::vector<std::string>& addresses) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (code != 0) return ::gai_strerror(code);
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    char text[NI_MAXHOST] = {};
    ::getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
    addresses.emplace_back(text);
  }
  ::freeaddrinfo(found);
  return {};
}

std::string Variable(const std::map<std::string, std::string>& environment,
                     std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto found = environment.find(name);
    if (found != environment.end() && !found->second.empty()) return found->second;
  }
  return {};
}

bool IsExempt(const std::string& host, std::string_view list) {
  while (!list.empty()) {
    const std::size_t end = list.find_first_of(", ");
    std::string_view one = list.substr(0, end);
    if (one == "*") return true;
    while (one.starts_with('.')) one.remove_prefix(1);
    if (!one.empty() && host.ends_with(one) &&
        (host.size() == one.size() || host[host.size() - one.size() - 1] == '.')) {
      return true;
    }
    list = end == list.npos ? std::string_view() : list.substr(end + 1);
  }
  return false;
}

// "http://user:word@proxy:3128" -> "http://proxy:3128"
std::string WithoutUser(const std::string& proxy) {
  const std::size_t at = proxy.rfind('@');
  if (at == proxy.npos) return proxy;
  const std::size_t scheme = proxy.find("://");
  return (scheme == proxy.npos ? "" : proxy.substr(0, scheme + 3)) + proxy.substr(at + 1);
}

}  // namespace

std::string ProxyFor(std::string_view text, const std::map<std::string, std::string>& environment) {
  const Url url = SplitUrl(text);
  if (IsLoopbackHost(url.host)) return {};
  if (IsExempt(url.host, Variable(environment, {"no_proxy", "NO_PROXY"}))) return {};
  return url.scheme == "https"
             ? Variable(environment, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
             : Variable(environment, {"http_proxy", "all_proxy", "ALL_PROXY"});
}

HostProbe ProbeHost(const std::string& text, const std::string& ca_file,
                    const std::map<std::string, std::string>& environment) {
  using Stage = HostProbe::Stage;
  const Url url = SplitUrl(text);
  const std::string proxy = ProxyFor(text, environment);
  HostProbe probe;
  probe.host = url.authority;
  probe.proxy = WithoutUser(proxy);
  const auto fail = [&](Stage stage) {
    probe.failed_at = stage;
    return probe;
  };
  if (proxy.empty()) {
    probe.failure = Resolve(url.host, probe.addresses);
    if (!probe.failure.empty()) return fail(Stage::kName);
  }
  const CURLcode code = Connect(text, ca_file, proxy, /*verify=*/true, probe);
  if (code == CURLE_OK) {
    probe.failure.clear();
    return probe;
  }
  if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) {
    // Once more without a word of ours, to see whose certificate it is.
    probe.chain.clear();
    (void)Connect(text, "", proxy, /*verify=*/false, probe);
    return fail(Stage::kTrust);
  }
  const bool at_proxy = code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_PROXY ||
                        (!proxy.empty() && probe.proxy_status / 100 != 2);
  return fail(at_proxy ? Stage::kProxy : Stage::kConnection);
}

}  // namespace spa
