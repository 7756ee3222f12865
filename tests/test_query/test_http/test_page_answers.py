"""Answers on the page, in a real browser: what their heading promises, where they end, and what is told without one."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.support.browser import PHONE, Visitor, box, card, said, search, titles
from tests.support.service import service

pytestmark = pytest.mark.slow

ASKING = re.compile("/(search|facets|map)([?].*)?$")
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
MISSED = "Bollywood westerns from the 1920s about a ship"


def found(url: str, text: str) -> dict[str, Any]:
    """What the service answers to a question."""
    return dict(httpx.post(f"{url}/search", json={"text": text, "limit": 20}).json())


def in_sight(page: Page) -> bool:
    """Whether one sees where the answer begins."""
    top = page.locator("#heading").evaluate("each => each.getBoundingClientRect().top")
    return bool(0 <= top < page.evaluate("innerHeight") / 2)


@pytest.mark.parametrize(
    ("locale", "text", "words"),
    [
        ("en-US", "a sad French film about a child", "These come close:"),
        ("de-DE", "ein trauriger französischer Film über ein Kind", "Diese kommen dem nahe:"),
    ],
)
def test_a_line_stands_between_what_was_asked_and_what_comes_close(
    visitor: Visitor, url: str, locale: str, text: str, words: str
) -> None:
    answer = found(url, text)
    assert 0 < answer["total"] < len(answer["results"])
    page = visitor.open(f"/?q={text}", locale=locale)
    expect(page.locator("#heading")).to_have_text(re.compile(f"^{answer['total']} [Ff]ilme? "))
    expect(page.locator("#films .film")).to_have_count(len(answer["results"]))
    expect(page.locator("#films > li").nth(answer["total"])).to_have_text(words)


def test_where_all_that_is_listed_was_asked_for_there_is_no_line(visitor: Visitor) -> None:
    page = visitor.open("/?filter=genre:Horror")
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("#films .film")).to_have_count(23)
    expect(page.locator("#films > li")).to_have_count(23)


def test_where_no_film_is_what_was_understood_others_are_said_to_be_others(visitor: Visitor, url: str) -> None:
    assert "no film meets what was understood: others are shown" in found(url, MISSED)["notes"]
    page = visitor.open(f"/?q={MISSED}")
    expect(page.locator("#heading")).to_have_text(f"0 films for “{MISSED}”")
    expect(page.locator("#notice .strong")).to_have_text("No film meets all of these: India, Western, 1920–1929.")
    expect(page.locator("#films > li").first).to_have_text("These come close:")
    expect(page.locator("#facets-fold")).to_be_hidden()


def test_conditions_that_no_film_meets_can_be_taken_away_one_by_one(visitor: Visitor) -> None:
    page = visitor.open("/?q=war films from the 1950s")
    expect(page.locator("#notice .strong")).to_have_text("No film meets all of these: War, 1950–1959.")
    expect(page.locator("#live")).to_have_text("No film meets all of these: War, 1950–1959.")
    offered = page.locator(".notice-buttons button")
    expect(offered).to_have_text(["Take away “War”", "Take away “1950–1959”", "Take all away"])
    offered.nth(1).click()
    expect(page.locator("#films .film").first).to_be_visible()
    assert said(page)["disregard"] == "year:1950..1959"
    page = visitor.open("/?q=war films from the 1950s&filter=country:Brazil", locale="de-DE")
    expect(page.locator("#notice .strong")).to_have_text("Kein Film erfüllt all das: Brasilien, Krieg, 1950–1959.")
    page.get_by_role("button", name="Alles weglassen").click()
    expect(page.locator("#films .film").first).to_be_visible()
    expect(page.locator("#chips")).to_be_hidden()


def test_another_question_is_read_from_its_top_and_back_leads_to_where_one_was(visitor: Visitor) -> None:
    page = visitor.open("/?q=war&all=1&shown=60")
    page.locator("#films .film").nth(50).scroll_into_view_if_needed()
    place = page.evaluate("scrollY")
    assert place > 5000
    page.locator("#films .film").nth(50).get_by_role("button", name=re.compile("^Similar to")).click()
    expect(page.locator("#heading")).to_contain_text("most like")
    assert in_sight(page)
    page.go_back()
    expect(page.locator("#heading")).to_contain_text("war")
    page.wait_for_function("place => Math.abs(scrollY - place) < 50", arg=place)
    page.locator("#films .film").nth(15).get_by_role("button", name=re.compile("^Like ")).click()
    page.get_by_role("button", name="Recommend films").click()
    expect(page.locator("#heading")).to_contain_text("for you")
    assert in_sight(page)
    page.locator("#films .film").nth(15).locator("h3 a").click()
    page.get_by_role("dialog").locator(".by button").first.click()
    expect(page.locator("#chips button")).to_have_count(1)
    assert in_sight(page)


def test_narrowing_down_does_not_move_the_page(visitor: Visitor) -> None:
    page = visitor.open("/?q=war&all=1")
    page.get_by_label("Filter as text").scroll_into_view_if_needed()
    place = page.evaluate("scrollY")
    assert place > 0
    page.locator("#facets [data-key='country:\"France\"']").click()
    expect(page.locator("#chips button")).to_have_count(1)
    assert page.evaluate("scrollY") > 0


@pytest.mark.parametrize("again", ["Try again", "Search"])
def test_after_an_outage_all_comes_back(visitor: Visitor, again: str) -> None:
    visitor.may_refuse = True
    page = visitor.open("/?q=war")
    expect(page.locator("#facets .count").first).to_be_visible()
    page.route(ASKING, lambda route: route.abort())
    search_without_answer(page, "a submarine hunts in the deep")
    expect(page.locator("#notice")).to_contain_text("The service does not answer.")
    expect(page.locator("#facets .count")).to_have_count(0)
    page.unroute(ASKING)
    page.get_by_role("button", name=again, exact=True).click()
    expect(card(page, "Das Boot")).to_be_visible()
    expect(page.locator("#facets .count").first).to_be_visible()


def search_without_answer(page: Page, text: str) -> None:
    box(page).fill(text)
    box(page).press("Enter")
    expect(page.locator("#heading")).to_have_text("That did not work")


def test_no_count_of_an_earlier_question_stands_beside_a_failure(visitor: Visitor) -> None:
    visitor.may_refuse = True
    page = visitor.open("/?q=war")
    expect(page.locator("#facets .count").first).to_be_visible()
    page.clock.install()
    kept: list[Route] = []
    page.route(ASKING, lambda route: kept.append(route))
    box(page).fill("a space ship")
    box(page).press("Enter")
    expect(page.locator("#heading")).to_have_text("Searching …")
    page.clock.fast_forward(21_000)
    expect(page.locator("#notice")).to_contain_text("No answer in 20 seconds.")
    expect(page.locator("#facets .count")).to_have_count(0)
    expect(page.locator("#facets-fold")).to_be_hidden()


@pytest.mark.parametrize("settings", [{}, PHONE])
def test_a_long_word_never_widens_the_page(visitor: Visitor, settings: dict[str, Any]) -> None:
    visitor.may_refuse = True  # there is no such film to be liked
    address = f"https://films.example/{LONG}"
    page = visitor.open(f"/?q={LONG} {address}&filter=director:{LONG}&like={LONG}", **settings)
    expect(page.locator("#heading")).to_contain_text(LONG)
    assert page.evaluate("document.documentElement.scrollWidth === innerWidth")
    page = visitor.open(f"/?q={LONG} {address}&all=1", **settings)
    expect(page.locator("#films .film").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth === innerWidth")


def test_a_map_that_does_not_come_can_be_asked_for_again(visitor: Visitor) -> None:
    visitor.may_refuse = True
    page = visitor.open("/?q=war")
    kept: list[Route] = []
    page.route(ASKING, lambda route: kept.append(route))
    page.get_by_role("button", name="Map").click()
    expect(page.locator("#map")).to_have_text("Fetching the map …")
    kept[0].abort()
    expect(page.locator("#map")).to_contain_text("The service does not answer.")
    page.unroute(ASKING)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#chart")).to_have_attribute("data-hits", re.compile("[1-9]"))


def test_the_map_lights_up_what_the_heading_counts(visitor: Visitor, url: str) -> None:
    page = visitor.open("/?view=map&similar=66")
    expect(page.locator("#heading")).to_have_text("The 50 films most like Jaws")
    expect(page.locator("#map-lit")).to_have_text("50 hits are lit up")
    text = "a sad French film about a child"
    total = found(url, text)["total"]
    page = visitor.open(f"/?view=map&q={text}&sort=title")
    expect(page.locator("#chart")).to_have_attribute("data-hits", str(total))


def test_sorts_and_limits_are_those_of_numbers_that_films_have(
    visitor: Visitor, browser: Browser, seed_store: Path
) -> None:
    sorts = page_sorts(visitor.open("/?filter=genre:Horror"))
    assert sorts == ["Best known first", "Newest first", "Oldest first", "Best rated", "Most votes", "Title"]
    page = visitor.open("/?q=war&all=1")
    assert page_sorts(page)[0] == "How well it fits"
    expect(page.get_by_label("Rated at least")).to_be_visible()
    with service(seed_store) as address:
        visiting = Visitor(browser, address)
        page = visiting.open("/?filter=-genre:Horror")
        assert page_sorts(page) == ["Newest first", "Oldest first", "Title"]
        expect(page.get_by_label("from", exact=True)).to_have_count(1)
        expect(page.get_by_label("Rated at least")).to_have_count(0)
        assert visiting.wrong == []


def test_what_cannot_be_learned_of_numbers_costs_no_answer(visitor: Visitor) -> None:
    def busy(route: Route) -> None:
        if "has:" in (route.request.post_data or ""):
            return route.fulfill(status=429, json={"detail": "too many requests"})
        return route.fallback()

    visitor.may_refuse = True
    page = visitor.open()
    page.route("**/search", busy)
    page.goto(f"{visitor.url}/?q=war&all=1")
    assert page_sorts(page) == ["How well it fits", "Newest first", "Oldest first", "Title"]
    expect(page.locator("#facets .count").first).to_be_visible()


def page_sorts(page: Page) -> list[str]:
    expect(page.locator("#films .film").first).to_be_visible()
    expect(page.locator("#sort option").first).to_be_attached()
    return page.locator("#sort option").all_inner_texts()


def test_the_window_is_named_by_what_it_shows(visitor: Visitor) -> None:
    page = visitor.open()
    expect(page).to_have_title("plotseek")
    search(page, "war")
    expect(page).to_have_title(re.compile("^[0-9]+ films for “war” · plotseek$"))
    title = titles(page)[0]
    page.locator("#films h3 a").first.click()
    expect(page).to_have_title(f"{title} · plotseek")
    page.get_by_role("dialog").get_by_role("button", name=f"Similar to {title}", exact=True).click()
    expect(page).to_have_title(f"The 50 films most like {title} · plotseek")
    page = visitor.open("/?filter=genre:Horror", locale="de-DE")
    expect(page).to_have_title("23 Filme · plotseek")


def why(page: Page, title: str) -> str:
    """What is told of a film that was found."""
    card(page, title).locator(".why-button").click()
    expect(card(page, title).locator(".why dl")).to_be_visible()
    return card(page, title).locator(".why").inner_text()


def test_why_says_what_a_film_is_like_or_which_conditions_it_meets(visitor: Visitor) -> None:
    page = visitor.open("/?similar=90")
    assert why(page, "Ghostbusters II").split() == ["It", "is", "like", "Ghostbusters"]
    page = visitor.open("/?like=90&recommend=1")
    assert why(page, "Ghostbusters II").split("\n")[0] == "Of your films, most like"
    page = visitor.open("/?q=French comedies", locale="de-DE")
    film = page.locator("#films .film h3").first.inner_text()
    assert why(page, film).split("\n") == ["Gefragt war", "Frankreich, Komödie"]
    page = visitor.open("/?filter=genre:Horror")
    assert why(page, "Get Out").split("\n") == ["You asked for", "Horror"]


def test_why_names_no_letters(visitor: Visitor) -> None:
    page = visitor.open("/?q=ein U-Boot auf Jagd in der Tiefe", locale="de-DE")
    words = re.search(r"Deine Wörter darin\n(.*)", why(page, "Das Boot"))
    assert words
    assert "boot" in words[1]
    assert "u" not in words[1].split(", ")


def test_titles_that_come_after_the_question_was_asked_do_not_cover_the_answer(visitor: Visitor) -> None:
    page = visitor.open()
    with page.expect_response(re.compile("/suggest")):
        search(page, "boot")
    page.wait_for_timeout(200)
    expect(page.get_by_role("listbox")).to_be_hidden()


def test_an_emptied_box_asks_for_what_remains(visitor: Visitor) -> None:
    page = visitor.open("/?q=war&filter=genre:Horror")
    expect(page.locator("#heading")).to_contain_text("war")
    page.get_by_role("button", name="Clear the question").click()
    expect(page.locator("#heading")).to_have_text("23 films")
    assert said(page) == {"filter": "genre:Horror"}
    expect(box(page)).to_be_focused()
    box(page).fill("nothing was asked yet")
    page.get_by_role("button", name="Clear the question").click()
    expect(box(page)).to_have_value("")
    expect(page.locator("#heading")).to_have_text("23 films")
    page = visitor.open("/?q=war")
    page.get_by_role("button", name="Clear the question").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert said(page) == {}


@pytest.mark.parametrize(
    ("locale", "labels", "words"),
    [
        ("en-US", ("from", "to", "Apply"), "2000 is later than 1990."),
        ("de-DE", ("von", "bis", "Anwenden"), "2000 liegt nach 1990."),
    ],
)
def test_years_that_run_backwards_are_told_at_their_fields(
    visitor: Visitor, locale: str, labels: tuple[str, str, str], words: str
) -> None:
    low, high, apply = labels
    page = visitor.open("/?filter=genre:Horror", locale=locale)
    form = page.locator(".bounds")
    form.get_by_label(low, exact=True).fill("2000")
    form.get_by_label(high, exact=True).fill("1990")
    form.get_by_role("button", name=apply).click()
    expect(form.get_by_role("alert")).to_have_text(words)
    expect(form.get_by_label(low, exact=True)).to_be_focused()
    expect(page.locator("#films .film").first).to_be_visible()
    visitor.may_refuse = True
    page = visitor.open("/?q=ship&filter=year:2000..1990", locale=locale)
    expect(page.locator("#heading")).to_have_text(re.compile("^(That did not work|Das hat nicht geklappt)$"))
    expect(page.locator(".bounds").get_by_role("alert")).to_have_text(words)
    expect(page.locator("#filter-error")).to_be_hidden()
    expect(page.locator(".bounds").get_by_label(low, exact=True)).to_be_focused()


def test_a_filter_that_runs_backwards_is_told_in_german(visitor: Visitor) -> None:
    visitor.may_refuse = True
    page = visitor.open("/?q=ship&filter=votes:9..2", locale="de-DE")
    expect(page.locator("#filter-error")).to_have_text(
        "Dieser Filter ist nicht lesbar: Zeichen 7: der Bereich „9..2“ läuft rückwärts."
    )


def in_one_row(film: Locator) -> bool:
    """Whether the buttons of a film stand in one row."""
    buttons = [button.bounding_box() for button in film.locator(".actions button").all()]
    return len({each["y"] for each in buttons if each}) == 1


def test_the_buttons_of_a_film_stand_in_one_row_in_german(visitor: Visitor) -> None:
    page = visitor.open("/?q=krieg", locale="de-DE", **PHONE)
    film = page.locator("#films .film").first
    expect(film.get_by_text("Missfällt", exact=True)).to_be_visible()
    assert in_one_row(film)
    page = visitor.open("/?q=krieg", locale="de-DE", viewport={"width": 1500, "height": 900})
    expect(page.locator("#films .film").first).to_be_visible()
    assert in_one_row(page.locator("#films .film").first)  # where two cards stand beside each other


def test_fingers_and_a_mouse_are_told_in_words_what_a_button_does(visitor: Visitor) -> None:
    page = visitor.open("/?q=war", **PHONE)
    film = page.locator("#films .film").first
    expect(film.get_by_text("Like", exact=True)).to_be_visible()
    expect(film.get_by_text("Dislike", exact=True)).to_be_visible()
    assert in_one_row(film)
    page.get_by_role("button", name="Map").tap()
    expect(page.locator("#map-help")).to_have_text("Two fingers zoom, a tap opens a film.")
    page = visitor.open("/?q=war")
    film = page.locator("#films .film").first
    expect(film.locator(".actions button")).to_have_text(["Like", "Dislike", "Similar", "Why?"])
    page.get_by_role("button", name="Map").click()
    expect(page.locator("#map-help")).to_contain_text("Arrow keys move")


PLACES = {"dense": "by meaning", "lexical": "by words", "title": "by title"}
ENDINGS = {1: "st", 2: "nd", 3: "rd"}


def test_why_tells_the_places_among_all_that_were_found(visitor: Visitor, url: str) -> None:
    text = "a man relives the same day"
    answer = httpx.post(f"{url}/search", json={"text": text, "why": True, "limit": 4}).json()["results"]
    page = visitor.open(f"/?q={text}")
    told = []
    for film in answer:
        ranks = [
            f"{n}{'th' if 10 < n < 20 else ENDINGS.get(n % 10, 'th')} {PLACES[by]}"
            for by, n in film["why"]["ranks"].items()
        ]
        assert ", ".join(ranks) in why(page, film["title"])
        told.append(ranks)
    assert len({tuple(ranks) for ranks in told}) == len(answer)


def test_why_of_a_film_that_is_no_longer_in_its_place_says_so(visitor: Visitor) -> None:
    page = visitor.open("/?q=war")
    film = page.locator("#films .film").first
    expect(film).to_be_visible()
    page.route(
        "**/search", lambda route: route.fulfill(json={"results": [], "total": 0, "notes": [], "understood": []})
    )
    film.locator(".why-button").click()
    expect(film.locator(".why")).to_have_text("The catalog has changed since. Ask once more.")


def test_why_marks_a_sentence_of_the_plot_that_is_shown(visitor: Visitor) -> None:
    page = visitor.open("/?q=Der Bordcomputer tötet die Besatzung", locale="de-DE")
    film = card(page, "2001: A Space Odyssey")
    film.locator(".why-button").click()
    expect(film.locator("mark")).to_have_count(1)
    assert film.locator(".plot").get_attribute("lang") == "de"
    expect(film.locator(".why dt")).not_to_contain_text(["Was am besten passt"])


@pytest.mark.parametrize(("locale", "words"), [("en-US", "not like Gravity×"), ("de-DE", "nicht wie Gravity×")])
def test_what_films_shall_not_be_like_says_so_and_looks_so(visitor: Visitor, locale: str, words: str) -> None:
    page = visitor.open("/?q=films like The Martian but less like Gravity", locale=locale)
    like, unlike = page.locator("#chips button").first, page.locator("#chips .unlike")
    expect(unlike).to_have_text(words)
    colour = "each => getComputedStyle(each).color"
    assert like.evaluate(colour) != unlike.evaluate(colour)


def test_words_beside_likes_are_a_chip_that_can_be_taken_away(visitor: Visitor) -> None:
    page = visitor.open("/?q=war&like=73&recommend=1")
    expect(page.locator("#heading")).to_have_text("The 50 best films for you and “war”")
    chip = page.locator("#chips button")
    expect(chip).to_have_text("“war”×")
    chip.click()
    expect(page.locator("#heading")).to_have_text("The 50 best films for you")
    expect(box(page)).to_have_value("")
    expect(page.locator("#chips")).to_be_hidden()


def test_the_title_of_a_chosen_film_does_not_count_beside_the_choice(visitor: Visitor) -> None:
    page = visitor.open("/?q=gravity&like=73")
    page.get_by_role("button", name="Dislike Gravity", exact=True).click()
    page.get_by_role("button", name="Recommend films").click()
    expect(page.locator("#heading")).to_have_text("The 50 best films for you")
    assert "q" not in said(page)


def test_a_filter_says_how_many_films_it_leaves_out_and_goes_with_a_click(visitor: Visitor, url: str) -> None:
    page = visitor.open("/?filter=year:2001..")
    search(page, "Titanic")
    total, all_of_them = (
        httpx.get(f"{url}/search", params={"q": "Titanic", **more}).json()["total"]
        for more in ({"filter": "year:2001.."}, {})
    )
    line = page.locator(".narrowed")
    expect(line).to_contain_text(f"Narrowed down (from 2001): {all_of_them - total} films are left out.")
    line.get_by_role("button", name="Take the filter off").click()
    expect(card(page, "Titanic")).to_be_visible()
    expect(line).to_have_count(0)
    assert said(page) == {"q": "Titanic"}


def test_a_further_page_that_does_not_come_is_told_where_one_clicked(visitor: Visitor) -> None:
    visitor.may_refuse = True
    page = visitor.open("/?q=war&all=1")
    page.route(ASKING, lambda route: route.abort())
    page.get_by_role("button", name="Show more").click()
    told = page.locator("#more-failed")
    expect(told).to_contain_text("The service does not answer.")
    expect(told).to_be_in_viewport()
    expect(page.locator("#notice .wrong")).to_have_count(0)
    page.unroute(ASKING)
    told.get_by_role("button", name="Try again").click()
    expect(page.locator("#films .film").nth(20)).to_be_visible()
    expect(told).to_be_empty()


def test_what_failed_is_gone_by_itself_once_anything_is_answered(visitor: Visitor) -> None:
    visitor.may_refuse = True
    page = visitor.open("/?q=war&all=1")
    page.route(ASKING, lambda route: route.abort())
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("#more-failed")).to_contain_text("The service does not answer.")
    page.unroute(ASKING)
    page.get_by_role("button", name="Map").click()
    expect(page.locator("#more-failed")).to_be_empty()


def test_a_film_that_is_opened_brings_back_the_question_that_failed(visitor: Visitor) -> None:
    visitor.may_refuse = True
    page = visitor.open()
    page.route(ASKING, lambda route: route.abort())
    search_without_answer(page, "a submarine hunts in the deep")
    page.unroute(ASKING)
    box(page).fill("ghostb")
    page.locator("#suggestions li").first.click()
    expect(page.get_by_role("dialog", name=re.compile("^Ghostbusters"))).to_be_visible()
    expect(card(page, "Das Boot")).to_be_visible()
    expect(page.locator("#notice .wrong")).to_have_count(0)
    expect(page.locator("#facets .count").first).to_be_visible()


def test_why_that_does_not_come_can_be_asked_for_again(visitor: Visitor) -> None:
    visitor.may_refuse = True
    page = visitor.open("/?q=war")
    film = page.locator("#films .film").first
    expect(film).to_be_visible()
    page.route(ASKING, lambda route: route.abort())
    film.locator(".why-button").click()
    expect(film.locator(".why")).to_contain_text("The service does not answer.")
    page.unroute(ASKING)
    film.get_by_role("button", name="Try again").click()
    expect(film.locator(".why dl")).to_be_visible()


def test_no_figure_and_no_order_by_fit_where_they_mean_nothing(visitor: Visitor) -> None:
    page = visitor.open("/?q=war&all=1")
    expect(page.locator("#films .film").first).to_be_visible()
    expect(page.locator("#films .fits")).to_have_count(0)
    page = visitor.open("/?q=horror movies from the 70s")
    assert page_sorts(page)[0] == "Best known first"
    page = visitor.open("/?q=a haunted house")
    assert page_sorts(page)[0] == "How well it fits"


def test_a_filter_that_cannot_be_read_is_told_where_the_films_would_be(visitor: Visitor) -> None:
    visitor.may_refuse = True
    page = visitor.open("/?q=ship&filter=gnre:War")
    expect(page.locator("#notice .strong")).to_have_text("This filter cannot be read")
    expect(page.locator("#notice")).to_contain_text("did you mean 'genre'?")
    expect(page.get_by_label("Sorted by")).to_be_hidden()
    page.get_by_role("button", name="Take away “gnre:War”").click()
    expect(page.locator("#films .film").first).to_be_visible()
    assert said(page) == {"q": "ship"}


def test_one_types_at_once_on_the_start_page_but_a_phone_shows_no_keyboard(visitor: Visitor) -> None:
    page = visitor.open()
    page.keyboard.type("a submarine hunts in the deep\n")
    expect(card(page, "Das Boot")).to_be_visible()
    page.locator("#brand").click()
    expect(box(page)).to_be_focused()
    page = visitor.open("/", **PHONE)
    expect(page.locator("#welcome .pill").first).to_be_visible()
    expect(box(page)).not_to_be_focused()


def test_every_decade_stands_on_the_start_page_the_newest_first(visitor: Visitor, url: str) -> None:
    (years,) = [each for each in httpx.get(f"{url}/facets").json()["facets"] if each["field"] == "year"]
    page = visitor.open()
    expect(page.locator("#welcome .pill").first).to_be_visible()
    decades = [text for text in page.locator("#welcome .pill").all_inner_texts() if re.match(r"\d{4}s", text)]
    assert [text[:5] for text in decades] == sorted((each["value"] for each in years["values"]), reverse=True)
    assert len(decades) == 12


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en-US", "23 films for “French comedies”, whether Comedy or not"),
        ("de-DE", "23 Filme zu „French comedies“, ob Komödie oder nicht"),
    ],
)
def test_the_heading_says_which_conditions_were_taken_away(visitor: Visitor, locale: str, words: str) -> None:
    page = visitor.open("/?q=French comedies", locale=locale)
    page.locator("#chips button").nth(1).click()
    expect(page.locator("#heading")).to_have_text(words)


@pytest.mark.parametrize(
    ("locale", "words", "back"),
    [
        ("en-US", "There is no such page", "Look for a film"),
        ("de-DE", "Diese Seite gibt es nicht", "Einen Film suchen"),
    ],
)
def test_an_address_that_is_none_is_a_page_in_words(
    visitor: Visitor, url: str, locale: str, words: str, back: str
) -> None:
    visitor.may_refuse = True
    page = visitor.open("/no/such/page", locale=locale)
    expect(page.get_by_role("heading", level=1)).to_have_text(words)
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(250, 248, 243)"
    page.get_by_role("link", name=back).click()
    expect(box(page)).to_be_visible()
    refused = httpx.get(f"{url}/no/such/page")
    assert (refused.status_code, refused.headers["content-type"]) == (404, "application/problem+json")


def test_the_address_can_be_copied(visitor: Visitor) -> None:
    page = visitor.open("/?q=war", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator("#share")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    expect(page.locator("#share")).to_have_text("Copy link")


def test_the_wheel_scrolls_the_page_over_the_map_and_zooms_it_once_asked_to(visitor: Visitor) -> None:
    page = visitor.open("/?q=war&view=map", viewport={"width": 1280, "height": 600})
    chart = page.locator("#chart")
    expect(chart).to_have_attribute("data-hits", re.compile("[1-9]"))
    chart.hover(position={"x": 5, "y": 5})
    page.mouse.wheel(0, 200)
    page.wait_for_function("() => scrollY > 100")
    expect(page.locator("#map-wheel")).to_be_visible()
    expect(page.locator("#map-wheel")).to_have_text("Hold Ctrl to zoom, or click into the map")
    expect(page.locator("#map-wheel")).to_be_hidden()
    expect(chart).to_have_attribute("data-outside", "0")
    place = page.evaluate("scrollY")
    chart.hover(position={"x": 5, "y": 300})
    page.keyboard.down("Control")
    page.mouse.wheel(0, -2000)
    page.keyboard.up("Control")
    expect(chart).not_to_have_attribute("data-outside", "0")
    assert page.evaluate("scrollY") == place
    page.get_by_role("button", name="Show all").click()
    expect(chart).to_have_attribute("data-outside", "0")
    chart.click(position={"x": 5, "y": 300})
    page.mouse.wheel(0, -2000)
    expect(chart).not_to_have_attribute("data-outside", "0")
    assert page.evaluate("scrollY") == place
