package io.calm.text;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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
}
