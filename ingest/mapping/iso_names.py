"""English names of languages and countries, so that a filter finds the same films whatever the source calls them.

Only what film catalogues use; any other code or name stays as it is given.
"""

_LANGUAGE_CODES = """
aa Afar; af Afrikaans; am Amharic; ar Arabic; as Assamese; ay Aymara; az Azerbaijani; be Belarusian; bg Bulgarian;
bm Bambara; bn Bengali; bo Tibetan; br Breton; bs Bosnian; ca Catalan; cn Cantonese; co Corsican; cr Cree; cs Czech;
cy Welsh; da Danish; de German; dz Dzongkha; el Greek; en English; eo Esperanto; es Spanish; et Estonian; eu Basque;
fa Persian; ff Fulah; fi Finnish; fo Faroese; fr French; fy Frisian; ga Irish Gaelic; gd Scottish Gaelic; gl Galician;
gn Guarani; gu Gujarati; ha Hausa; he Hebrew; hi Hindi; hr Croatian; ht Haitian; hu Hungarian; hy Armenian;
id Indonesian; ig Igbo; is Icelandic; it Italian; iu Inuktitut; ja Japanese; jv Javanese; ka Georgian; kk Kazakh;
kl Greenlandic; km Khmer; kn Kannada; ko Korean; ks Kashmiri; ku Kurdish; ky Kyrgyz; la Latin; lb Luxembourgish;
ln Lingala; lo Lao; lt Lithuanian; lv Latvian; mg Malagasy; mi Maori; mk Macedonian; ml Malayalam; mn Mongolian;
mr Marathi; ms Malay; mt Maltese; my Burmese; nb Norwegian; ne Nepali; nl Dutch; nn Norwegian; no Norwegian; nv Navajo;
oc Occitan; or Oriya; pa Punjabi; pl Polish; ps Pashto; pt Portuguese; qu Quechua; ro Romanian; ru Russian;
rw Kinyarwanda; sa Sanskrit; sc Sardinian; sd Sindhi; se Sami; si Sinhala; sk Slovak; sl Slovenian; sm Samoan; sn Shona;
so Somali; sq Albanian; sr Serbian; st Sotho; su Sundanese; sv Swedish; sw Swahili; ta Tamil; te Telugu; tg Tajik;
th Thai; ti Tigrinya; tk Turkmen; tl Tagalog; tn Tswana; tr Turkish; tt Tatar; ug Uyghur; uk Ukrainian; ur Urdu;
uz Uzbek; vi Vietnamese; wo Wolof; xh Xhosa; yi Yiddish; yo Yoruba; zh Mandarin; zu Zulu
"""

_COUNTRY_CODES = """
AD Andorra; AE United Arab Emirates; AF Afghanistan; AL Albania; AM Armenia; AO Angola; AR Argentina; AT Austria;
AU Australia; AZ Azerbaijan; BA Bosnia and Herzegovina; BD Bangladesh; BE Belgium; BF Burkina Faso; BG Bulgaria;
BO Bolivia; BR Brazil; BS Bahamas; BT Bhutan; BW Botswana; BY Belarus; CA Canada; CD Democratic Republic of the Congo;
CH Switzerland; CI Côte d'Ivoire; CL Chile; CM Cameroon; CN China; CO Colombia; CR Costa Rica; CU Cuba; CY Cyprus;
CZ Czech Republic; DE Germany; DK Denmark; DO Dominican Republic; DZ Algeria; EC Ecuador; EE Estonia; EG Egypt;
ES Spain; ET Ethiopia; FI Finland; FR France; GB United Kingdom; GE Georgia; GH Ghana; GR Greece; GT Guatemala;
HK Hong Kong; HN Honduras; HR Croatia; HT Haiti; HU Hungary; ID Indonesia; IE Ireland; IL Israel; IN India; IQ Iraq;
IR Iran; IS Iceland; IT Italy; JM Jamaica; JO Jordan; JP Japan; KE Kenya; KG Kyrgyzstan; KH Cambodia; KP North Korea;
KR South Korea; KW Kuwait; KZ Kazakhstan; LA Laos; LB Lebanon; LI Liechtenstein; LK Sri Lanka; LT Lithuania;
LU Luxembourg; LV Latvia; LY Libya; MA Morocco; MC Monaco; MD Moldova; ME Montenegro; MG Madagascar;
MK North Macedonia; ML Mali; MM Myanmar; MN Mongolia; MO Macao; MR Mauritania; MT Malta; MX Mexico; MY Malaysia;
MZ Mozambique; NA Namibia; NE Niger; NG Nigeria; NI Nicaragua; NL Netherlands; NO Norway; NP Nepal; NZ New Zealand;
PA Panama; PE Peru; PH Philippines; PK Pakistan; PL Poland; PR Puerto Rico; PS Palestine; PT Portugal; PY Paraguay;
QA Qatar; RO Romania; RS Serbia; RU Russia; RW Rwanda; SA Saudi Arabia; SD Sudan; SE Sweden; SG Singapore; SI Slovenia;
SK Slovakia; SN Senegal; SO Somalia; SU Soviet Union; SV El Salvador; SY Syria; TD Chad; TH Thailand; TJ Tajikistan;
TM Turkmenistan; TN Tunisia; TR Turkey; TT Trinidad and Tobago; TW Taiwan; TZ Tanzania; UA Ukraine; UG Uganda;
US United States; UY Uruguay; UZ Uzbekistan; VE Venezuela; VN Vietnam; XC Czechoslovakia; XG East Germany; XK Kosovo;
YE Yemen; YU Yugoslavia; ZA South Africa; ZM Zambia; ZW Zimbabwe
"""

_COUNTRY_SYNONYMS = """
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


def _table(text: str, separator: str = " ") -> dict[str, str]:
    entries = (entry.strip() for entry in text.replace("\n", " ").split(";"))
    return dict(entry.split(separator, 1) for entry in entries)


def _synonyms(text: str) -> dict[str, str]:
    """Pairs whose second half starts at the first capital letter."""
    entries = (entry.strip() for entry in text.replace("\n", " ").split(";"))
    starts = ((entry, next(at for at, letter in enumerate(entry) if letter.isupper())) for entry in entries)
    return {entry[:start].strip(): entry[start:] for entry, start in starts}


_LANGUAGES = _table(_LANGUAGE_CODES)
_COUNTRIES = _table(_COUNTRY_CODES) | _synonyms(_COUNTRY_SYNONYMS)


def language_name(value: str) -> str:
    """The English name of an ISO 639-1 code ("de", "en-US"), or TMDB's "cn"; "" for its "xx"; else as given."""
    if len(value) == 2 or value[2:3] in ("-", "_"):
        code = value[:2].lower()
        return "" if code == "xx" else _LANGUAGES.get(code, value)
    return value


def country_name(value: str) -> str:
    """The English name of an ISO 3166 code or of another usual word for the country; else as given."""
    return _COUNTRIES.get(value) or _COUNTRIES.get(value.lower(), value)
