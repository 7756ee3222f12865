"""English names of languages and countries, so that a filter finds the same movies whatever the source calls them.

Codes are ISO's, with CLDR's names for them (babel) but for a few that movie catalogues call otherwise. German names
are understood as well; any other code or name stays as it is given.
"""

from collections.abc import Mapping
from functools import cache

_LANGUAGES = """
bn Bengali; cn Cantonese; ff Fulah; fy Frisian; ga Irish Gaelic; ht Haitian; kl Greenlandic; mi Maori; nb Norwegian;
nn Norwegian; or Oriya; se Sami; st Sotho; zh Mandarin
"""

_COUNTRIES = """
BA Bosnia and Herzegovina; CD Democratic Republic of the Congo; CG Republic of the Congo;
CI Côte d'Ivoire; CZ Czech Republic; HK Hong Kong;
MM Myanmar; MO Macao; PS Palestine; SU Soviet Union; TR Turkey; TT Trinidad and Tobago; XC Czechoslovakia;
XG East Germany; YU Yugoslavia
"""

_SYNONYMS = """
usa United States; u.s.a. United States; u.s. United States; america United States;
united states of america United States; uk United Kingdom; great britain United Kingdom; england United Kingdom;
korea South Korea; republic of korea South Korea; russian federation Russia; czechia Czech Republic; ussr Soviet Union;
american United States; argentine Argentina; australian Australia; bangladeshi Bangladesh; british United Kingdom;
canadian Canada; chinese China; danish Denmark; dutch Netherlands; egyptian Egypt; filipino Philippines; french France;
german Germany; italian Italy; japanese Japan; korean South Korea; malaysian Malaysia; maldivian Maldives;
mexican Mexico; pakistani Pakistan; polish Poland; russian Russia; south_korean South Korea; spanish Spain;
swedish Sweden; turkish Turkey; assamese India; bengali India; bollywood India; indian India; kannada India;
malayalam India; marathi India; punjabi India; tamil India; telugu India
"""


def language_name(value: str) -> str:
    """The English name of an ISO 639-1 code ("de", "en-US"), TMDB's "cn", a German name; "" for "xx"; else as given."""
    if len(value) == 2 or value[2:3] in ("-", "_"):
        code = value[:2].lower()
        return "" if code == "xx" else _languages().get(code, value)
    return _languages().get(value.lower(), value)


def country_name(value: str) -> str:
    """The English name of an ISO 3166 code or of another usual word for the country; else as given."""
    countries = _countries()
    named = countries.get(value) or countries.get(value.lower())
    return named or (countries.get(value.upper(), value) if len(value) == 2 else value)


@cache
def _languages() -> Mapping[str, str]:
    from babel import Locale

    languages = {**Locale("en").languages, **_table(_LANGUAGES)}
    return languages | _in_german(Locale("de").languages, languages)


@cache
def _countries() -> Mapping[str, str]:
    from babel import Locale

    codes = {code: name for code, name in Locale("en").territories.items() if code.isalpha()}
    codes |= _table(_COUNTRIES)
    return _in_german(Locale("de").territories, codes) | codes | _table(_SYNONYMS)


def _in_german(german: Mapping[str, str], english: Mapping[str, str]) -> dict[str, str]:
    """German names in small letters, and the English ones of the same codes."""
    return {name.lower(): english[code] for code, name in german.items() if code in english}


def _table(text: str) -> dict[str, str]:
    """Pairs whose second half starts at the first capital letter behind the first word's beginning."""
    entries = [entry.strip() for entry in text.replace("\n", " ").split(";")]
    starts = [
        next(at for at, letter in enumerate(entry) if at and letter.isupper() and entry[at - 1] == " ")
        for entry in entries
    ]
    return {entry[:start].strip(): entry[start:] for entry, start in zip(entries, starts, strict=True)}
