#!/usr/bin/env bash
# One application goes all the way, by curl. Shows each request and its reply.
# Wants a fresh server on a manual clock, and its administrator's password:
#   chuyi --data tour user add admin --role administrator --org 430000
#   chuyi --data tour serve --manual-clock 2026-03-02T09:00:00+08:00
#   docs/tour/tour.sh http://127.0.0.1:8080
# Another programme on the workflow "selection" goes the same way; FOLDER holds its forms, nomination.json and annual.json:
#   docs/tour/tour.sh http://127.0.0.1:8080 PROGRAMME FOLDER
set -euo pipefail
server=${1:-http://127.0.0.1:8080} programme=${2:-workshop} forms=${3:-$(cd "$(dirname "$0")" && pwd)}
[ -n "${ADMIN_PASSWORD:-}" ] || read -rsp "The administrator's password: " ADMIN_PASSWORD
password=${TOUR_PASSWORD:-correct horse battery staple}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# say WHO METHOD PATH [BODY]: sends it in the name of WHO, shows it, leaves the reply in $work/reply.
say() {
  local who=$1 method=$2 path=$3 body=${4:-} type=${TYPE:-application/json}
  echo "$who> $method $path $(tr -d '\n' <<<"$body" | head -c 100 | iconv -c -f UTF-8 -t UTF-8 2>/dev/null)"
  local status
  status=$(curl -sS -o "$work/reply" -w '%{http_code}' -X "$method" "$server$path" -H "Content-Type: $type" \
    ${token[$who]:+-H "Authorization: Bearer ${token[$who]}"} ${MATCH:+-H "If-Match: $MATCH"} \
    -H "Idempotency-Key: $(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" ${body:+--data-binary "$body"})
  echo "  $status $(head -c 300 "$work/reply" | iconv -c -f UTF-8 -t UTF-8 2>/dev/null)"
  [ "$status" = "${EXPECT:-2xx}" ] || [ "${status:0:1}xx" = "${EXPECT:-2xx}" ] || { echo "expected ${EXPECT:-2xx}" >&2; exit 1; }
}
# pick NAME: the first text of that name in the last reply.
pick() { grep -o "\"$1\":\"[^\"]*\"" "$work/reply" | head -n 1 | cut -d '"' -f 4; }
sign_in() {
  say public POST /api/v1/login "{\"user\":\"$1\",\"password\":\"$2\"}" >/dev/null
  token[$1]=$(pick token)
}
# task WHO KIND: the id of the task of that kind in WHO's inbox; nothing when there is none.
task() {
  say "$1" GET "/api/v1/tasks?kind=$2&application=$application" >/dev/null
  grep -o '"id":"t-[^"]*"' "$work/reply" | head -n 1 | cut -d '"' -f 4 || true
}
# sign WHO KIND BODY: the sign-off of the task of that kind in WHO's inbox.
sign() { say "$1" POST "/api/v1/tasks/$(task "$1" "$2")/complete" "$3"; }

declare -A token=()
echo "# The administrator signs in, adds a college and its people."
sign_in admin "$ADMIN_PASSWORD"
say admin POST /api/v1/admin/organisations '{"id":"college-001","parent":"430100","level":"college","kind":"college","name":"湖南某职业技术学院"}'
while read -r user role org; do
  say admin POST /api/v1/admin/users "{\"id\":\"$user\",\"name\":\"$user\",\"password\":\"$password\",\"memberships\":[{\"role\":\"$role\",\"org\":\"$org\"}]}" >/dev/null
  sign_in "$user" "$password"
done <<PEOPLE
college applicant college-001
bureau recommending-officer 430100
clerk provincial-officer 430000
lead provincial-officer 430000
expert1 reviewer 430000
expert2 reviewer 430000
expert3 reviewer 430000
PEOPLE

echo; echo "# 1 Nomination: the college drafts, is told what is missing, completes and submits; its bureau recommends."
say college POST /api/v1/applications "{\"programme\":\"$programme\",\"round\":\"2026\",\"title\":\"湘绣技艺传承\"}"
application=$(grep -o '"id":"a-[^"]*"' "$work/reply" | head -n 1 | cut -d '"' -f 4)
EXPECT=422 say college POST "/api/v1/applications/$application/submit" '{}'
MATCH='"1"' say college PUT "/api/v1/applications/$application/draft" "$(cat "$forms/nomination.json")"
say public GET "/api/v1/programmes/$programme" >/dev/null
for kind in $(grep -o '"kind":"[^"]*","media_types":[^]]*],"public":[a-z]*,"required":true' "$work/reply" | cut -d '"' -f 4); do
  TYPE=application/pdf say college POST "/api/v1/applications/$application/documents?kind=$kind&name=$kind.pdf" "%PDF-1.4 $kind"
done
say college POST "/api/v1/applications/$application/submit" '{}'
sign bureau task '{"outcome":"recommend","data":{"opinion":"同意推荐"}}'
sign clerk task '{"outcome":"pass"}'

echo; echo "# 2 Expert review: three reviewers without a conflict of interest score the rubric; the lead officer decides."
sign clerk panel-setup '{"outcome":"appoint","data":{"reviewers":["expert1","expert2","expert3"]}}'
say public GET "/api/v1/programmes/$programme" >/dev/null
scores=$(grep -o '"criteria":\[[^]]*\]' "$work/reply" | grep -o '"id":"[^"]*","titles":{[^}]*},"weight":"[^"]*"' | sed 's/"id":\("[^"]*"\).*"weight":\("[^"]*"\)/\1:\2/' | paste -sd ,)
for expert in expert1 expert2 expert3; do
  sign "$expert" sheet "{\"outcome\":\"sign\",\"data\":{\"scores\":{$scores},\"comment\":\"同意\"}}"
done
sign lead task '{"outcome":"select"}'

echo; echo "# 3 Publicity: everybody may read the notice and object under a real name until its last day."
say public GET /api/v1/notices

echo; echo "# 4 Award: five working days later it has a number in the public register."
say admin POST /api/v1/admin/clock/advance '{"to":"2026-03-10T09:00:00+08:00"}'
say public GET "/api/v1/awards?q=%E6%B9%98%E7%BB%A3"
number=$(pick number)
curl -sS -G "$server/api/v1/awards/$(printf %s "$number" | od -An -v -tx1 | tr -d '\n' | sed 's/ /%/g')/certificate" -o certificate.pdf
echo "  its certificate is certificate.pdf"

echo; echo "# 5 Annual check, for each year of the term."
year=2027
while say admin POST /api/v1/admin/clock/advance "{\"to\":\"$year-03-20T09:00:00+08:00\"}" >/dev/null && [ -n "$(task college annual-report)" ]; do
  sign college annual-report "{\"outcome\":\"report\",\"data\":$(cat "$forms/annual.json")}"
  sign clerk annual-verdict '{"outcome":"qualified"}'
  year=$((year + 1))
done
say college GET "/api/v1/applications/$application"

echo; echo "# The sealed bag of what was submitted."
curl -sS "$server/api/v1/applications/$application/bundle" -H "Authorization: Bearer ${token[college]}" -o bundle.zip
echo "$application is done; its bag is bundle.zip"
