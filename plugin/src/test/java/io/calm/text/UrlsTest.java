package io.calm.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Seeds;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class UrlsTest {
  @ParameterizedTest
  @CsvSource({
    "https://user:secret@host/a.gguf, https://***@host/a.gguf",
    "https://token@host, https://***@host",
    "https://user:se@cret@host:8443/a?b=c@d, https://***@host:8443/a?***",
    "jar:https://user:secret@host/a.jar!/m, jar:https://***@host/a.jar!/m",
    "cannot read https://u:p@one/a or http://u:p@two/b, cannot read https://***@one/a or"
        + " http://***@two/b",
    "https://host/a@b/c, https://host/a@b/c",
    "s3://bucket/model@2/, s3://bucket/model@2/",
    "file:/models/a@b, file:/models/a@b",
    "/models/user:secret@host, /models/user:secret@host",
    "https://user:ab/cd@host/x, https://***@host/x",
    "https://user:se cret@host, https://***@host",
    "https:/user:secret@host, https:/***@host",
    "https://host:8443/a@b/c, https://host:8443/a@b/c",
    "https://host, https://host",
    "https://host/m.gguf?X-Signature=secret&a=b, https://host/m.gguf?***",
    "https://host/m?token=se cret, https://host/m?***",
    "https://user:pa?ss@host/m?token=secret#main, https://***@host/m?***",
    "https://host/m?, https://host/m?",
    "https://host/m#main, https://host/m#main",
    "file:/models/m?x=y, file:/models/m?***",
    "https://host/my model.gguf?token=secret, https://host/my model.gguf?***",
    "hub:org/m?token=secret, hub:org/m?***",
    "user:se@cret@host, ***@host",
    "cannot read https://host/m: is it there? try again,"
        + " cannot read https://host/m: is it there? try again",
    "/models/is it?.gguf, /models/is it?.gguf",
    "user:secret@host, ***@host",
    "user:secret@host:models/a, ***@host:models/a",
    "file:a@b, file:a@b",
    "hub:org/model@main, hub:org/model@main",
  })
  void userPasswordAndQueryAreLeftOut(String url, String shown) {
    assertEquals(shown, Urls.withoutSecrets(url));
  }

  @ParameterizedTest
  @CsvSource({"smollm2, smollm2", "org/name, org%2Fname", "a b+c, a%20b%2Bc", "ü, %C3%BC"})
  void aNameIsOneSegmentOfAPath(String name, String segment) {
    assertEquals(segment, Urls.segment(name));
  }

  /** The rules as patterns, which take quadratic time. */
  private static String oracle(String text) {
    String hidden =
        text.replaceAll(
            "(?<=://|https?:/)(?:[^/?#\\s]*@|[^/?#\\s:]*:(?!\\d{1,5}(?:[/?#\\s]|$))[^\\n]*?@)",
            "***@");
    return hidden
        .replaceAll("^(?!(?i:file):)[A-Za-z][A-Za-z0-9+.-]+:[^/\\s]+@", "***@")
        .replaceAll("([A-Za-z][A-Za-z0-9+.-]+:(?!\\s)[^?#\\n]*\\?)(?=\\S)[^\\n]+", "$1***");
  }

  @Test
  void anyTextIsShownAsTheRulesSay() {
    Random random = new Random(Seeds.next());
    String[] parts = {
      "://", "http:/", "file:", "a", "B", "7", ":", "@", "?", "#", "/", " ", "\n", "\r", "-", "a:8/"
    };
    for (int i = 0; i < 100_000; i++) {
      StringBuilder text = new StringBuilder();
      for (int part = random.nextInt(16); part >= 0; part--) {
        text.append(parts[random.nextInt(parts.length)]);
      }
      String url = text.toString();
      assertEquals(oracle(url), Urls.withoutSecrets(url), url);
    }
  }

  /** A text of a client, which is shown before its key is checked. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "a", "a:", "://", "://a:", "http:/", "a://b:@", "@", "?", "a:?", "a: ?", "?a", "://u:\n",
        "#"
      })
  void aLongTextTakesLinearTime(String part) {
    String text = part.repeat((1 << 20) / part.length()) + "\n.";
    assertTimeoutPreemptively(
        Duration.ofSeconds(20),
        () -> assertTrue(Urls.place(text).length() <= Urls.withoutSecrets(text).length()));
  }
}
