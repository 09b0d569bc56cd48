package io.calm.checkpoint.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * An independent SentencePiece BPE: of all neighbours whose join is a piece, joins the pair with
 * the best score, the leftmost of equal ones, until there is none; what is left and is no piece
 * falls back to bytes. No merges, no ranks.
 */
final class NaiveSentencePiece {
  private final Map<String, Integer> ids = new HashMap<>();
  private final double[] scores;
  private final boolean spacePrefix;

  NaiveSentencePiece(List<String> pieces, double[] scores, boolean spacePrefix) {
    for (int id = 0; id < pieces.size(); id++) {
      ids.put(pieces.get(id), id);
    }
    this.scores = scores;
    this.spacePrefix = spacePrefix;
  }

  List<Integer> encode(String text) {
    if (text.isEmpty()) {
      return List.of();
    }
    String escaped = ((spacePrefix ? " " : "") + text).replace(' ', '\u2581');
    List<String> symbols = new ArrayList<>();
    escaped.codePoints().forEach(c -> symbols.add(Character.toString(c)));
    for (int best = best(symbols); best >= 0; best = best(symbols)) {
      symbols.set(best, symbols.get(best) + symbols.remove(best + 1));
    }
    List<Integer> out = new ArrayList<>();
    for (String symbol : symbols) {
      if (ids.containsKey(symbol)) {
        out.add(id(symbol));
      } else {
        for (byte b : symbol.getBytes(StandardCharsets.UTF_8)) {
          out.add(id("<0x%02X>".formatted(b)));
        }
      }
    }
    return out;
  }

  private int best(List<String> symbols) {
    int best = -1;
    for (int i = 0; i + 1 < symbols.size(); i++) {
      String joined = symbols.get(i) + symbols.get(i + 1);
      if (ids.containsKey(joined)
          && (best < 0
              || scores[id(joined)] > scores[id(symbols.get(best) + symbols.get(best + 1))])) {
        best = i;
      }
    }
    return best;
  }

  private int id(String piece) {
    return ids.getOrDefault(piece, -1);
  }
}
