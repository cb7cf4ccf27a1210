#pragma once

#include <memory>
#include <string>

#include "engine/ports/documents.h"

namespace chuyi {

struct S3Options {
  std::string url;       ///< s3://bucket or s3://bucket/prefix
  std::string endpoint;  ///< http(s)://host[:port], asked for /bucket/key; empty: that of Amazon in `region`
  std::string region = "us-east-1";
  std::string scratch;   ///< folder of what is on its way there; made when it is not there
};

/// Documents as objects named by their SHA-256 below a prefix of a bucket. An upload goes to a file that has no name
/// first, and from there, once its digest is known, by one PUT, whose signature covers the digest: so the other side
/// checks the content, and an object is there whole or not at all. It is read in ranges of a few MiB.
///
/// **Deleting.** S3 knows no "delete unless somebody brought it anew", so nothing is ever deleted: what was refused
/// after its upload stays, and nothing refers to it.
///
/// Credentials: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the section [default] of the file
/// AWS_SHARED_CREDENTIALS_FILE. They are sent nowhere and logged nowhere; requests are signed by libcurl (SigV4).
///
/// Errors: `invalid` "cli.documents" for a URL or an endpoint that cannot be meant, also one of http:// that is not on
/// this machine; "documents.credentials". What does not answer yet is no error here.
Result<std::unique_ptr<DocumentStore>> open_s3_documents(S3Options options);

}  // namespace chuyi
