#!/bin/sh
# A first proposal, step by step: what may I propose, propose it, wait for the answer, see what came of it.
#
#   REVIEWAPP_KEY=rk_… sh examples/curl.sh
#
# The key is what `manage.py create_agent` printed; the action and the order are the demo's.
set -eu
url="${REVIEWAPP_URL:-http://localhost:8000}/api/v1"
auth="Authorization: Bearer ${REVIEWAPP_KEY:?set it to an agent key, as printed by create_agent}"

echo "What this agent may propose:"
curl -fsS "$url/action-types/" -H "$auth" | grep -o '"name":"[^"]*"'

# The same key and body again would give the same answer, and no second proposal.
answer=$(curl -fsS "$url/proposals/" -H "$auth" \
  -H "Content-Type: application/json" \
  -H "Idempotency-Key: example-$(date +%s)" \
  -d '{
    "title": "Refund a leaking water bottle",
    "summary": "The bottle leaks; the customer asks for the money back.",
    "subject": {"type": "customer", "id": "customer-19102"},
    "context": {"messages": [{"role": "user", "content": "The bottle from order #D1005 leaks. I want my 18.20 back."}]},
    "suggestions": [
      {"rank": 1, "action": "refund_payment",
       "arguments": {"order_id": "#D1005", "customer_id": "customer-19102", "amount": 18.2, "reason": "leaks"},
       "confidence": 0.86, "success_probability": 0.93,
       "explanation": "Within thirty days of the delivery."},
      {"rank": 2, "action": "issue_voucher",
       "arguments": {"customer_id": "customer-19102", "amount": 20, "reason": "leaking bottle"},
       "confidence": 0.35,
       "explanation": "The customer asked for money, but has taken vouchers before."}
    ]
  }')
id=$(printf %s "$answer" | grep -o '"self":"[^"]*"' | cut -d/ -f5)
echo "Proposed. A reviewer sees it now at ${url%/api/v1}/queue/$id/"

echo "Waiting until somebody decides …"
while :; do
  answer=$(curl -fsS "$url/proposals/$id/?wait=25" -H "$auth")
  case $answer in *'"status":"pending"'*) ;; *) break ;; esac
done
printf '%s\n' "$answer" | grep -o '"resolution":{.*}' | cut -c1-400

case $answer in
  *'"status":"approved"'*)
    sleep 2
    echo "What came of it:"
    execution=$(curl -fsS "$url/proposals/$id/execution/" -H "$auth")
    printf '%s\n' "$execution"
    case $execution in
      *'"status":"handed_back"'*)
        echo "It was handed back. Begin, act, report:"
        grant=$(curl -fsS "$url/proposals/$id/execution/begin/" -H "$auth" -H 'Content-Type: application/json' \
          -d '{"holder": "curl"}')
        printf '%s\n' "$grant" | grep -o '"arguments":{[^}]*}'
        token=$(printf %s "$grant" | grep -o '"token":"[^"]*"' | cut -d'"' -f4)
        curl -fsS "$url/proposals/$id/result/" -H "$auth" -H 'Content-Type: application/json' \
          -d "{\"outcome\": \"succeeded\", \"token\": \"$token\"}"
        echo
        ;;
    esac
    ;;
esac
