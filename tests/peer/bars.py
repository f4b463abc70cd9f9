"""The peer's data: everything follows from an option's name and nothing from chainfill's code, so that the two can be
compared. An option's bars are daily, end on the day before it expires, and number 0 to 20."""

import datetime
import hashlib
import json
import re

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
NAME = re.compile(r"^([A-Z0-9]+(?:_USD[CT])?)-(\d{1,2}[A-Z]{3}\d{2})-[0-9dD]+-[CP]$")
LAST_EXPIRY = datetime.date(2024, 6, 28)
EPOCH = datetime.date(1970, 1, 1)
DAY = datetime.timedelta(days=1)
EMPTY_PERCENT = 5


def expiry_code(day):
    return f"{day.day}{MONTHS[day.month - 1]}{day.year % 100:02d}"


def expiry_date(code):
    return datetime.date(2000 + int(code[-2:]), MONTHS.index(code[-5:-2]) + 1, int(code[:-5]))


def make_listing(options, expiries):
    """Names of BTC and ETH options in turn, on so many expiries going back day by day from LAST_EXPIRY."""
    names = []
    for n in range(options):
        group, place = n % expiries, n // expiries
        currency, step, lowest = [("BTC", 1000, 20000), ("ETH", 50, 1500)][group % 2]
        code = expiry_code(LAST_EXPIRY - DAY * (group // 2))
        names.append(f"{currency}-{code}-{lowest + step * (place // 2)}-{'CP'[place % 2]}")
    return names


def read_listing(file_name):
    with open(file_name, encoding="utf-8") as f:
        return [line.strip() for line in f if line.strip()]


def bars_of(name, until):
    """An option's rows as the vendor sends them, newest first; none where the name is no option's name."""
    read = NAME.match(name)
    if not read:
        return []
    seed = hashlib.sha256(name.encode()).digest()
    if seed[0] * 100 < EMPTY_PERCENT * 256:
        return []
    rows = []
    expiry = expiry_date(read[2])
    for back in range(1, 2 + seed[1] % 20):
        day = expiry - DAY * back
        date = day.isoformat()
        if date > until:
            continue
        h = hashlib.sha256(f"{name}|{date}".encode()).digest()
        low = 5 + int.from_bytes(h[0:2], "big") % 5000
        high = low if h[2] < 32 else low + h[2]
        first, last = low + h[3] % (high - low + 1), low + h[4] % (high - low + 1)
        # Whole numbers, tenths and, on a day without a trade, 0.0 are what the vendor was seen to send.
        volume = 0.0 if high == low else (h[5] * 7 + 1 if h[6] % 2 else (h[5] * 10 + h[6] % 10) / 10)
        rows.append({
            "unix": ((day - EPOCH).days * 24 + 8) * 3_600_000,
            "date": date,
            "symbol": name,
            "open": price(first),
            "high": price(high),
            "low": price(low),
            "close": price(last),
            "volume": volume,
        })
    return rows


def price(ticks):
    """Ticks of 0.0005 as text without needless zeros: 37 is "0.0185"."""
    return f"{ticks * 5 // 10000}.{ticks * 5 % 10000:04d}".rstrip("0").removesuffix(".")


class Archive:
    def __init__(self, names, until):
        self.listed = names
        self.known = set(names)
        self.until = until
        self.default = names[0] if names else ""
        self.groups = {}
        for name in names:
            read = NAME.match(name)
            if read:
                self.groups.setdefault((read[1], read[2]), []).append(name)

    def names(self, year):
        """All of them, or those that expire in a year."""
        if year is None:
            return self.listed
        return [n for n in self.listed if (read := NAME.match(n)) and read[2].endswith(year[-2:])]

    def of_symbol(self, name):
        """None where no such option is listed."""
        return bars_of(name, self.until) if name in self.known else None

    def of_expiry(self, currency, code):
        rows = [row for name in self.groups.get((currency, code), []) for row in bars_of(name, self.until)]
        return sorted(rows, key=lambda row: row["date"], reverse=True)

    def of_date(self, currency, date):
        return [row for (its, _), names in self.groups.items() if its == currency
                for name in names for row in bars_of(name, self.until) if row["date"] == date]

    def write_truth(self, file_name):
        with open(file_name, "w", encoding="utf-8") as f:
            for name in self.listed:
                rows = [[r["date"], r["unix"], r["open"], r["high"], r["low"], r["close"], json.dumps(r["volume"])]
                        for r in reversed(bars_of(name, self.until))]
                f.write(json.dumps({"symbol": name, "rows": rows}) + "\n")
