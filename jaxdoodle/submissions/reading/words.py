"""Names in other languages than English, in English: what is found goes by what things are called."""

from __future__ import annotations

import re
import unicodedata

#: Names of the factor of a penalty.
PENALTY = re.compile(
    r"l[12]\w*|(\w+_)?reg(ulari[sz](ation|ed))?|reg_\w+|\w*lambda\w*|lam|lmbda|lambd|(weight_)?decay|wd|penalty", re.I
)
#: Word -> what it is called in Chinese (in pinyin), Dutch, French, German, Italian, Portuguese and Spanish.
_IN_OTHER_LANGUAGES = {
    "forward": "qianxiang zhengxiang vooruit avant vorwaerts vorwarts avanti frente adelante propagar",
    "backward": "fanxiang houxiang achteruit arriere rueckwaerts ruckwarts indietro retropropagazione atras tras"
    " retropropagar retropropagacion retropropagacao retropropagation retro rueckwaertsschritt",
    "loss": "sunshi verlies perte pertes verlust perdita perda perdida perdidas",
    "cost": "daijia kosten cout couts costo coste custo",
    "error": "wucha fout erreur fehler errore erro",
    "gradients": "gradienten gradienti gradientes",
    "gradient": "tidu gradiente",
    "derivative": "daoshu afgeleide derivee ableitung derivata derivada",
    "predict": "yuce voorspel predire vorhersage predici prever predecir",
    "labels": "biaoqian etiquettes etiketten etichette etiquetas rotulos",
    "target": "mubiao doel cible ziel bersaglio alvo objetivo",
    "input": "shuru invoer entree eingabe ingresso entrada",
    "output": "shuchu uitvoer sortie ausgabe uscita saida salida",
    "weights": "quanzhong gewichten poids gewichte pesi pesos",
    "sizes": "daxiao maten tailles groessen grossen dimensioni tamanos tamanhos",
    "bias": "pianzhi biais sesgo vies",
}
_ENGLISH = {word: english for english, words in _IN_OTHER_LANGUAGES.items() for word in words.split()}


def english(name: str) -> str:
    """A name with its words in English, as far as they are known: ``capa_forward`` for ``capa_adelante``."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return re.sub(r"[A-Z]?[a-z]+", lambda word: _ENGLISH.get(word[0].lower(), word[0]), plain)
