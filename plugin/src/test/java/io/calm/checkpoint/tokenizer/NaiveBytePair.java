package io.calm.checkpoint.tokenizer;

import java.nio.charset.StandardCharsets;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An independent byte-level BPE: java.util.regex, and merging by searching the lowest rank anew
 * after every merge. Special tokens are cut out by an alternation, longest first.
 */
final class NaiveBytePair {
  private final Map<String, Integer> ids = new HashMap<>();
  private final Map<String, Integer> ranks = new HashMap<>();
  private final Pattern special;
  private final List<Pattern> cuts;
  private final boolean nfc;
  private final boolean wholeWords;

  NaiveBytePair(Map<String, Object> gguf, List<String> cuts, boolean nfc, boolean wholeWords) {
    List<?> tokens = (List<?>) gguf.getOrDefault("tokenizer.ggml.tokens", List.of());
    List<?> types = (List<?>) gguf.getOrDefault("tokenizer.ggml.token_type", List.of());
    List<?> merges = (List<?>) gguf.getOrDefault("tokenizer.ggml.merges", List.of());
    List<String> specials = new ArrayList<>();
    for (int id = 0; id < tokens.size(); id++) {
      ids.put(tokens.get(id).toString(), id);
      if (!types.get(id).equals(1L)) {
        specials.add(tokens.get(id).toString());
      }
    }
    for (int rank = 0; rank < merges.size(); rank++) {
      ranks.put(merges.get(rank).toString(), rank);
    }
    specials.sort((a, b) -> b.length() - a.length());
    this.special =
        Pattern.compile(String.join("|", specials.stream().map(Pattern::quote).toList()));
    this.cuts =
        cuts.stream().map(c -> Pattern.compile(c, Pattern.UNICODE_CHARACTER_CLASS)).toList();
    this.nfc = nfc;
    this.wholeWords = wholeWords;
  }

  int[] encode(String text) {
    List<Integer> out = new ArrayList<>();
    Matcher matcher = special.matcher(text);
    int at = 0;
    while (matcher.find()) {
      plain(text.substring(at, matcher.start()), out);
      out.add(id(matcher.group()));
      at = matcher.end();
    }
    plain(text.substring(at), out);
    return out.stream().mapToInt(Integer::intValue).toArray();
  }

  private void plain(String text, List<Integer> out) {
    List<String> words = List.of(nfc ? Normalizer.normalize(text, Normalizer.Form.NFC) : text);
    for (Pattern cut : cuts) {
      List<String> next = new ArrayList<>();
      for (String word : words) {
        Matcher matcher = cut.matcher(word);
        int at = 0;
        while (matcher.find()) {
          next.add(word.substring(at, matcher.start()));
          next.add(matcher.group());
          at = matcher.end();
        }
        next.add(word.substring(at));
      }
      words = next;
    }
    words.forEach(word -> word(word, out));
  }

  private void word(String word, List<Integer> out) {
    List<String> pieces = new ArrayList<>();
    for (byte b : word.getBytes(StandardCharsets.UTF_8)) {
      pieces.add(String.valueOf(spell(b & 0xFF)));
    }
    if (wholeWords && ids.containsKey(String.join("", pieces))) {
      out.add(id(String.join("", pieces)));
      return;
    }
    for (int best = best(pieces); best >= 0; best = best(pieces)) {
      pieces.set(best, pieces.get(best) + pieces.remove(best + 1));
    }
    pieces.stream().filter(ids::containsKey).forEach(piece -> out.add(id(piece)));
  }

  private int best(List<String> pieces) {
    int best = -1;
    int bestRank = Integer.MAX_VALUE;
    for (int i = 0; i + 1 < pieces.size(); i++) {
      int rank = ranks.getOrDefault(pieces.get(i) + " " + pieces.get(i + 1), Integer.MAX_VALUE);
      if (rank < bestRank) {
        best = i;
        bestRank = rank;
      }
    }
    return best;
  }

  private int id(String token) {
    return ids.getOrDefault(token, -1);
  }

  private static char spell(int b) {
    if ((b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE) {
      return (char) b;
    }
    if (b <= 0x20) {
      return (char) (0x100 + b);
    }
    return (char) (b == 0xAD ? 0x143 : 0x100 + 0x21 + b - 0x7F);
  }
}
