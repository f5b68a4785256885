#!/usr/bin/env bash
# What users take again: Online Retail, trained on all but the latest tenth of events, which also asks for what a customer has
# bought before; and the tenth before that one, on which constants were chosen. Without PostgreSQL.
set -euo pipefail
source benches/table.sh
data=${SEGREC_DATA:-../shared/data}
[ -f "$data/online-retail/transactions.csv.gz" ] || die "no $data/online-retail/transactions.csv.gz: SEGREC_DATA names the folder with it"

# Lines user,item,seconds, ordered by time. What is returned or free is no purchase.
python3 - "$data/online-retail/transactions.csv.gz" >"$work/repeat.csv" <<'PYTHON'
import csv, datetime, gzip, sys

rows = []
with gzip.open(sys.argv[1], "rt", encoding="utf-8") as file:
    for row in csv.DictReader(file):
        if row["customer_id"] and int(row["quantity"]) > 0 and float(row["unit_price"]) > 0:
            moment = datetime.datetime.fromisoformat(row["invoiced_at"]).replace(tzinfo=datetime.timezone.utc)
            rows.append((int(moment.timestamp()), int(row["customer_id"]), row["stock_code"]))
numbers = {code: number for number, code in enumerate(sorted({row[2] for row in rows}), 1)}
print("user,item,seconds")
for seconds, user, code in sorted(rows):
    print(f"{user},{numbers[code]},{seconds}")
PYTHON

printf "\nwhat users take again: Online Retail, the latest tenth\n\n"
"$programs/repeat" "$work/repeat.csv" 0.9 1
printf "\nthe tenth before\n\n"
"$programs/repeat" "$work/repeat.csv" 0.8 0.9
