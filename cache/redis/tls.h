// TLS as a client of Redis: 1.2 or later, the server's certificate checked against a CA and the
// host's name, a certificate of our own where asked for.
//
// Errors: kUsage where a file cannot be read.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <memory>

#include "cache/redis/connection.h"

namespace spa {

using RedisTlsStream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket>;

Result<std::shared_ptr<boost::asio::ssl::context>> MakeRedisTls(const RedisEndpoint& endpoint);

// Before the handshake: which host it must prove to be.
Status ExpectHost(RedisTlsStream& stream, const std::string& host);

// After the handshake.
void DescribeTls(RedisTlsStream& stream, RedisSession& session);

}  // namespace spa
