package io.calm.text;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class UrlsTest {
  @ParameterizedTest
  @CsvSource({
    "https://user:secret@host/a.gguf, https://***@host/a.gguf",
    "https://token@host, https://***@host",
    "https://user:se@cret@host:8443/a?b=c@d, https://***@host:8443/a?b=c@d",
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
  })
  void userInformationIsLeftOut(String url, String shown) {
    assertEquals(shown, Urls.withoutUser(url));
  }
}
