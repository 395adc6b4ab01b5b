#include "cache/redis/tls.h"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <ctime>

namespace spa {
namespace ssl = boost::asio::ssl;

Result<std::shared_ptr<ssl::context>> MakeRedisTls(const RedisEndpoint& endpoint) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  context->set_verify_mode(ssl::verify_peer);
  const auto unreadable = [](std::string_view what, const std::string& path,
                             const boost::system::error_code& error) {
    std::string text = fmt::format("the {} {} cannot be read: {}", what, path, error.message());
    return Fail(ErrorCode::kUsage, std::move(text), "give a PEM file that this user can read");
  };
  boost::system::error_code error;
  if (endpoint.ca_file.empty()) {
    context->set_default_verify_paths(error);
    if (error) return unreadable("system's CA list", "", error);
  } else {
    context->load_verify_file(endpoint.ca_file, error);
    if (error) return unreadable("CA file", endpoint.ca_file, error);
  }
  if (!endpoint.cert_file.empty()) {
    context->use_certificate_chain_file(endpoint.cert_file, error);
    if (error) return unreadable("client certificate", endpoint.cert_file, error);
    context->use_private_key_file(endpoint.key_file, ssl::context::pem, error);
    if (error) return unreadable("client key", endpoint.key_file, error);
  }
  return context;
}

Status ExpectHost(RedisTlsStream& stream, const std::string& host) {
  boost::system::error_code no_address;
  boost::asio::ip::make_address(host, no_address);
  if (no_address && SSL_set_tlsext_host_name(stream.native_handle(), host.c_str()) != 1) {
    return Fail(ErrorCode::kInternal, "TLS refuses the host name " + host);
  }
  boost::system::error_code error;
  stream.set_verify_callback(ssl::host_name_verification(host), error);
  if (error) return Fail(ErrorCode::kInternal, "TLS: " + error.message());
  return {};
}

void DescribeTls(RedisTlsStream& stream, RedisSession& session) {
  SSL* tls = stream.native_handle();
  session.tls_version = SSL_get_version(tls);
  session.tls_cipher = SSL_get_cipher_name(tls);
  const std::unique_ptr<X509, decltype(&X509_free)> peer(SSL_get1_peer_certificate(tls), X509_free);
  if (!peer) return;
  char subject[256] = {};
  X509_NAME_oneline(X509_get_subject_name(peer.get()), subject, sizeof subject);
  session.peer_subject = subject;
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(peer.get()), &end) == 1) {
    session.peer_expires = std::chrono::system_clock::from_time_t(timegm(&end));
  }
}

}  // namespace spa
