"""Learns data/replies/weights.csv: how much each piece of one to four signs speaks for each intent.

Not part of the build. From the project's folder, with scikit-learn 1.9 at hand:

    v=$PWD/tests/vectors
    OPTIN106_CORPUS=$v/replies.csv:$v/replies_own.csv:$v/replies_more/a.csv:$v/replies_more/b.csv:$v/replies_more/c.csv:$v/replies_more/d.csv:$v/replies_more/e.csv \
        OPTIN106_FOLDED=/tmp/folded.tsv cargo test --all-features --lib folded_corpus -- --ignored
    python3 data/replies/weigh.py /tmp/folded.tsv data/replies/weights.csv

First it learns with each of the files a to e left out in turn and prints how the reader would have read that file unseen
(recall of refusals / false stops); the figures in benches/README.md are these. Then it learns from all and writes.
"""

import sys

from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

LABELS = ["other", "yes", "stop", "complaint"]
# As in src/stop/reader/weights.rs and reader.rs.
KEEP, TURN = -100, 50
SURE = {"blank", "command", "command-first", "command-last", "complaint-number", "hint", "pinyin", "quoted-stop",
        "quoted-complaint"}
# Pieces that weigh less than this in every intent are left out.
LEAST = 6


def load(path):
    rows = [line.rstrip("\n").split("\t") for line in open(path, encoding="utf-8")]
    return [(file, label, intent.lower(), rule, "^" + text + "$") for file, label, intent, rule, text in rows]


def learn(rows):
    rows = [r for r in rows if r[3] not in ("blank", "command")]
    vectorizer = CountVectorizer(analyzer="char", ngram_range=(1, 4), min_df=2, binary=True, lowercase=False)
    x = vectorizer.fit_transform([r[4] for r in rows])
    # The older cases were used to write the rules and are many of a kind.
    weight = [1.0 if r[0].startswith("replies") else 3.0 for r in rows]
    model = LogisticRegression(C=1.0, max_iter=1000).fit(x, [r[1] for r in rows], sample_weight=weight)
    order = [list(model.classes_).index(label) for label in LABELS]
    whole = lambda v: [int(round(100 * v[i])) for i in order]
    grams = vectorizer.get_feature_names_out()
    weights = {g: whole(model.coef_[:, i]) for i, g in enumerate(grams)}
    weights = {g: w for g, w in weights.items() if max(map(abs, w)) >= LEAST}
    return whole(model.intercept_), weights


def scores(bias, weights, text):
    total = list(bias)
    for gram in {text[i : i + n] for n in range(1, 5) for i in range(len(text) - n + 1)}:
        for i, w in enumerate(weights.get(gram, ())):
            total[i] += w
    return total


def refuses(row, total):
    by_rule = row[2] in ("stop", "complaint")
    if row[3] in SURE:
        return by_rule
    return max(total[2:]) - max(total[:2]) > (KEEP if by_rule else TURN)


def main(folded, out):
    rows = load(folded)
    for held in sorted({r[0] for r in rows if not r[0].startswith("replies")}):
        bias, weights = learn([r for r in rows if r[0] != held])
        tried = [(r[1] in ("stop", "complaint"), refuses(r, scores(bias, weights, r[4]))) for r in rows if r[0] == held]
        refusals, others = [got for want, got in tried if want], [got for want, got in tried if not want]
        print(f"{held} unseen: {sum(refusals)} of {len(refusals)} refusals found ({sum(refusals) / len(refusals):.1%}), "
              f"{sum(others)} false stops of {len(others)} ({sum(others) / len(others):.1%}), {len(weights)} pieces")
    bias, weights = learn(rows)
    with open(out, "w", encoding="utf-8", newline="\n") as f:
        f.write("# piece,other,yes,stop,complaint in hundredths; made by weigh.py. ^ and $ are the ends, | parts clauses.\n")
        f.write("," + ",".join(map(str, bias)) + "\n")
        for gram in sorted(weights):
            # A digit or comma in a piece is quoted by nobody: folding leaves neither commas nor quotes.
            f.write(gram + "," + ",".join(map(str, weights[gram])) + "\n")


main(*sys.argv[1:])
