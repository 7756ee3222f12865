"""The page, in a real browser: what people do with it, and that it loads nothing from elsewhere and breaks nothing."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Position, Route, expect

from query.http.auth import Role, make_key
from tests.support.browser import HOSTILE, MARKUP, PHONE, POSTER, Visitor, box, card, said, search, titles
from tests.support.service import service

pytestmark = pytest.mark.slow

SAME_DAY = "a weatherman wakes up to the same morning again and again"
NOTHING = "/?filter=genre:Horror year:1902"


def test_a_question_finds_its_film(visitor: Visitor) -> None:
    page = visitor.open()
    expect(page.get_by_role("heading", level=1)).to_have_text("Which film was that?")
    search(page, SAME_DAY)
    assert titles(page)[0] == "Groundhog Day"
    assert said(page) == {"q": SAME_DAY}
    expect(page.locator("#live")).to_contain_text(SAME_DAY)


def test_an_example_is_a_question(visitor: Visitor) -> None:
    page = visitor.open()
    page.get_by_role("button", name="a submarine hunts in the deep").click()
    expect(card(page, "Das Boot")).to_be_visible()


def test_titles_are_suggested_while_one_types(visitor: Visitor) -> None:
    page = visitor.open()
    box(page).press_sequentially("ghost")
    options = page.get_by_role("option")
    expect(options).to_have_count(2)
    expect(box(page)).to_have_attribute("aria-expanded", "true")
    box(page).press("ArrowDown")
    box(page).press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    expect(box(page)).to_have_attribute("aria-activedescendant", "option-1")
    chosen = options.nth(1).locator("span").first.inner_text()
    box(page).press("Enter")
    expect(page.get_by_role("dialog", name=chosen)).to_be_visible()
    expect(page.get_by_role("listbox")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", level=1)).to_be_visible()  # nothing was asked


def test_a_suggestion_that_is_clicked_opens_and_what_was_asked_stays(visitor: Visitor) -> None:
    page = visitor.open("/?q=war&all=1")
    box(page).fill("ghostb")
    page.locator("#suggestions li").first.click()
    expect(page.get_by_role("dialog", name=re.compile("^Ghostbusters"))).to_be_visible()
    assert said(page)["q"] == "war"
    page.keyboard.press("Escape")
    expect(box(page)).to_have_value("war")


def test_escape_closes_the_suggestions(visitor: Visitor) -> None:
    page = visitor.open()
    box(page).press_sequentially("ghost")
    expect(page.get_by_role("option")).to_have_count(2)
    box(page).press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(box(page)).to_have_value("ghost")


def test_facets_narrow_the_answer_down_and_count_what_they_keep(visitor: Visitor) -> None:
    page = visitor.open("/?q=war&all=1")
    genre = page.locator("#facets [data-key='genre:\"War\"']")
    count = int(genre.locator(".count").inner_text())
    genre.click()
    expect(page.locator("#heading")).to_have_text(f"{count} films for “war”")
    assert said(page) == {"q": "war", "filter": 'genre:"War"', "all": "1"}
    expect(genre).to_have_attribute("aria-pressed", "true")
    expect(genre).to_be_focused()
    page.locator("#chips button").click()
    expect(page.locator("#heading")).not_to_have_text(f"{count} films for “war”")
    assert said(page)["q"] == "war"


def test_what_was_understood_is_a_chip_that_can_be_taken_away(visitor: Visitor) -> None:
    page = visitor.open("/?q=horror+movies+from+the+70s")
    chips = page.locator("#chips button")
    expect(page.locator("#heading")).to_have_text("5 films for “horror movies from the 70s”")
    expect(chips).to_have_text(["Horror×", "1970–1979×"])
    page.get_by_role("button", name="Take out Horror").click()
    expect(chips).to_have_text(["1970–1979×"])
    assert said(page) == {"q": "horror movies from the 70s", "disregard": 'genre:"Horror"'}
    search(page, "horror movies")
    expect(chips).to_have_text(["Horror×"])
    assert said(page) == {"q": "horror movies"}


def test_the_figure_at_a_film_falls_with_its_place(visitor: Visitor) -> None:
    page = visitor.open("/?q=space ships")
    expect(page.locator("#heading")).to_contain_text("space ships")
    expect(page.locator("#films .fits")).to_have_count(page.locator("#films .film").count())
    figures = [int(re.sub(r"\D", "", text)) for text in page.locator("#films .fits").all_text_contents()]
    assert figures == sorted(figures, reverse=True)
    assert figures[0] > 90 > 60 > figures[-1]


def test_a_genre_alone_lists_its_films_the_best_known_first(visitor: Visitor) -> None:
    page = visitor.open()
    page.locator("#welcome").get_by_role("button", name=re.compile(r"^Horror")).click()
    expect(page.locator("#heading")).to_have_text("23 films")
    expect(page.locator("#films .film")).to_have_count(20)
    expect(page.locator("#films .fits")).to_have_count(0)


def test_years_and_ratings_are_bounds(visitor: Visitor) -> None:
    page = visitor.open("/?filter=genre:Horror")
    page.get_by_label("from", exact=True).fill("1970")
    page.get_by_label("to", exact=True).fill("1979")
    page.locator(".bounds").get_by_role("button", name="Apply").click()
    expect(page.locator("#heading")).to_have_text("5 films")
    assert said(page) == {"filter": "genre:Horror year:1970..1979"}
    expect(page.get_by_label("from", exact=True)).to_have_value("1970")


def test_a_wrong_filter_is_told_at_its_place(visitor: Visitor) -> None:
    visitor.may_refuse = True
    page = visitor.open("/?q=ship")
    line = page.get_by_label("Filter as text")
    line.fill("year>=1980 gnre:War")
    line.press("Enter")
    expect(page.locator("#filter-error")).to_contain_text("column 12: unknown field 'gnre'")
    expect(page.locator("#filter-error")).to_contain_text("did you mean 'genre'?")
    expect(line).to_have_attribute("aria-invalid", "true")
    marked = "e => e.value.slice(e.selectionStart, e.selectionEnd)"
    assert page.get_by_label("Filter as text").evaluate(marked) == "gnre:War"
    page.get_by_label("Filter as text").fill("year>=1980 genre:War")
    page.get_by_label("Filter as text").press("Enter")
    expect(page.locator("#films .film").first).to_be_visible()
    expect(page.locator("#filter-error")).to_be_hidden()


def test_sorting_and_more_pages(visitor: Visitor) -> None:
    page = visitor.open("/?q=war&all=1")
    page.get_by_label("Sorted by").select_option("year")
    expect(page.locator("#films h3").first).to_have_text("A Trip to the Moon")
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("#films .film")).to_have_count(40)
    expect(page.locator("#films .film").nth(20).get_by_role("link")).to_be_focused()
    assert said(page)["shown"] == "40"
    page.reload()
    expect(page.locator("#films .film")).to_have_count(40)
    assert len(set(titles(page))) >= 39  # two films are called Suspiria, for one


def ranked(best: int, total: int) -> Callable[[Route], None]:
    """Answers as of a catalog of which only the `best` films are ranked."""

    def answer(route: Route) -> None:
        response = route.fetch()
        offset = json.loads(route.request.post_data or "{}").get("offset", 0)
        found = response.json()
        found |= {"results": found["results"][: max(best - offset, 0)], "total": total, "total_is_exact": False}
        route.fulfill(response=response, json=found)

    return answer


@pytest.mark.parametrize(("best", "total"), [(25, 25), (20, 600)])
def test_where_not_every_film_is_ranked_there_may_be_more(visitor: Visitor, best: int, total: int) -> None:
    page = visitor.open()
    page.route("**/search", ranked(best, total))
    page.goto(f"{visitor.url}/?q=war&all=1")
    expect(page.locator("#heading")).to_have_text(f"{total}+ films for “war”")
    expect(page.locator("#rest")).to_be_hidden()
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("#rest")).to_contain_text("there may be more")
    expect(page.locator("#films .film")).to_have_count(best)
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    page.get_by_role("button", name="Seite auf Deutsch").click()
    expect(page.locator("#heading")).to_have_text(f"{total}+ Filme zu „war“")


def test_likes_and_dislikes_become_a_recommendation(visitor: Visitor) -> None:
    page = visitor.open("/?q=space&all=1")
    page.get_by_role("button", name="Like Alien", exact=True).click()
    expect(page.get_by_role("button", name="Like Alien", exact=True)).to_have_attribute("aria-pressed", "true")
    tray = page.get_by_role("region", name="Liked and disliked films")
    expect(tray.get_by_role("listitem")).to_have_count(1)
    page.get_by_role("button", name="Dislike Apollo 13").click()
    expect(tray.get_by_role("listitem")).to_have_count(2)
    page.get_by_role("button", name="Recommend films").click()
    expect(page.locator("#heading")).to_have_text("The 50 best films for you and “space”")
    assert not {"Alien", "Apollo 13"} & set(titles(page))
    address = page.evaluate("location.search")
    expect(box(page)).to_have_value("space")
    assert {"q=space", "like=73", "dislike=117", "recommend=1"} == set(address.removeprefix("?").split("&"))
    tray.get_by_role("button", name="Take out Alien (liked)").click()
    expect(tray.get_by_text("Like at least one film.")).to_be_visible()


def test_more_like_this(visitor: Visitor) -> None:
    page = visitor.open("/?q=Ghostbusters")
    page.get_by_role("button", name="Similar to Ghostbusters", exact=True).click()
    expect(page.locator("#heading")).to_have_text("The 50 films most like Ghostbusters")
    expect(page.locator("#heading")).to_be_focused()
    decades = page.locator("#facets fieldset").filter(has_text="Decade").locator("ul .count")
    assert sum(map(int, decades.all_inner_texts())) <= 50
    assert titles(page)[0] == "Ghostbusters II"
    assert said(page) == {"similar": "90"}


def test_why_tells_ranks_and_words_and_marks_the_sentence(visitor: Visitor) -> None:
    page = visitor.open(f"/?q={SAME_DAY}")
    film = card(page, "Groundhog Day")
    button = film.get_by_role("button", name="Why Groundhog Day was found")
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(film.locator(".why")).to_contain_text("1st by meaning")
    expect(film.locator(".why")).to_contain_text("morning")
    expect(film.locator("mark")).to_have_count(1)
    button.click()
    expect(film.locator(".why")).to_be_hidden()


def test_nothing_fits_and_the_nearest_are_shown_on_demand(visitor: Visitor) -> None:
    def strict(route: Route) -> None:
        """In a catalog this small everything fits: the answer is that of a larger one."""
        if json.loads(route.request.post_data or "{}")["all"]:
            return route.fallback()
        return route.fulfill(json={"results": [], "total": 0, "generation": 1, "notes": []})

    page = visitor.open()
    page.route("**/search", strict)
    search(page, "a space ship")
    expect(page.locator("#notice")).to_contain_text("Nothing fits well")
    expect(page.locator("#live")).to_have_text("Nothing fits well")
    page.get_by_role("button", name="Show the nearest anyway").click()
    expect(page.locator("#films .film").first).to_be_visible()
    assert said(page)["all"] == "1"
    page.get_by_role("button", name="Only those that fit").click()
    expect(page.locator("#notice")).to_contain_text("Nothing fits well")


def test_filters_that_leave_nothing_can_be_taken_away(visitor: Visitor) -> None:
    page = visitor.open("/?filter=genre:Horror year:1902")
    expect(page.locator("#notice .strong")).to_have_text("No film meets all of these: Horror, 1902.")
    page.get_by_role("button", name="Take all away").click()
    assert said(page) == {}
    page = visitor.open("/?q=a space ship&filter=year>2090")
    expect(page.locator("#notice .strong")).to_have_text("No film meets this: Year > 2090.")
    expect(page.get_by_role("button", name="Show the nearest anyway")).to_have_count(0)
    page.get_by_role("button", name="Take away “Year > 2090”").click()
    expect(page.locator("#films .film").first).to_be_visible()
    assert said(page) == {"q": "a space ship"}


def test_an_answer_that_takes_its_time_is_waited_for_in_sight(visitor: Visitor) -> None:
    page = visitor.open()
    asked: list[Route] = []
    page.route("**/search", lambda route: asked.append(route))
    box(page).fill("a space ship")
    box(page).press("Enter")
    expect(page.locator("#heading")).to_have_text("Searching …")
    expect(page.locator("#films .skeleton")).to_have_count(6)
    expect(page.locator("#spinner")).to_be_visible()
    expect(page.locator("#results")).to_have_attribute("aria-busy", "true")
    asked[0].continue_()
    expect(page.locator("#heading")).to_contain_text("films for “a space ship”")
    expect(page.locator("#films .skeleton")).to_have_count(0)
    expect(page.locator("#spinner")).to_be_hidden()
    assert page.locator("#results").get_attribute("aria-busy") is None


def test_an_answer_that_does_not_come_is_given_up_in_words(visitor: Visitor) -> None:
    visitor.may_refuse = True
    page = visitor.open(locale="de-DE")
    page.clock.install()
    asked: list[Route] = []
    page.route("**/search", lambda route: asked.append(route))
    box(page).fill("a space ship")
    box(page).press("Enter")
    expect(page.locator("#heading")).to_have_text("Sucht …")
    page.clock.fast_forward(21_000)
    expect(page.locator("#notice")).to_contain_text("Keine Antwort in 20 Sekunden.")
    page.unroute("**/search")
    page.get_by_role("button", name="Noch einmal").click()
    expect(page.locator("#heading")).to_contain_text("Filme zu „a space ship“")


def test_a_click_anywhere_on_a_card_opens_the_film(visitor: Visitor) -> None:
    page = visitor.open(f"/?q={SAME_DAY}")
    film = card(page, "Groundhog Day")
    film.locator(".plot").click()
    sheet = page.get_by_role("dialog", name="Groundhog Day")
    expect(sheet).to_be_visible()
    page.keyboard.press("Escape")
    expect(film.get_by_role("link")).to_be_focused()
    film.get_by_role("button", name="Like Groundhog Day", exact=True).click()
    film.get_by_role("button", name="Why Groundhog Day was found").click()
    film.locator(".why").click()
    expect(sheet).to_be_hidden()


def test_a_film_tells_where_else_it_is_and_its_director_is_a_question(visitor: Visitor) -> None:
    page = visitor.open("/?film=a%2Fb%3Fc%23d", locale="de-DE")
    sheet = page.get_by_role("dialog", name=MARKUP)
    expect(sheet.locator(".facts")).to_contain_text("1.234 Stimmen")
    expect(sheet.get_by_role("link", name="IMDb")).to_have_attribute("href", "https://www.imdb.com/title/tt0111161/")
    expect(sheet.get_by_role("link", name="TMDB")).to_have_attribute("href", "https://www.themoviedb.org/movie/278")
    expect(sheet.get_by_role("link", name="nas.example:8096")).to_have_attribute("href", HOSTILE["link"])
    expect(sheet.locator("dl")).to_contain_text("Frankreich, Vereinigte Staaten")
    expect(sheet.locator("dl")).to_contain_text("Japanisch")
    sheet.get_by_role("button", name='Ann "A" Bee').click()
    expect(page.locator("#heading")).to_have_text("1 Film")
    expect(page.locator("#chips button")).to_have_text(['Ann "A" Bee×'])


def test_conditions_are_told_in_words(visitor: Visitor) -> None:
    condition = 'year:1980..2009 rating>=6 -genre:War,"Film Noir" country:France votes>10 year:1990s has:poster'
    page = visitor.open(f"/?all=1&q=ship&filter={quote(condition)}")
    said_so = ["1980–2009", "★ ≥ 6", "Without War, Film Noir", "France", "Votes > 10", "1990s", "has poster"]
    expect(page.locator("#chips button span:first-child")).to_have_text(said_so)
    page.get_by_role("button", name="Seite auf Deutsch").click()
    auf_deutsch = ["1980–2009", "★ ≥ 6", "Ohne Krieg, Film Noir", "Frankreich", "Stimmen > 10", "1990er", "mit Plakat"]
    expect(page.locator("#chips button span:first-child")).to_have_text(auf_deutsch)


def test_what_went_wrong_is_told_in_the_language_of_the_page(visitor: Visitor) -> None:
    visitor.may_refuse = True
    page = visitor.open("/?q=ship&filter=gnre:War", locale="de-DE")
    expect(page.locator("#filter-error")).to_have_text(
        "Dieser Filter ist nicht lesbar: Zeichen 1: ein Feld „gnre“ gibt es nicht. Gemeint war vielleicht „genre“."
    )
    page = visitor.open("/?film=99999", locale="de-DE")
    sheet = page.get_by_role("dialog", name="Diesen Film hat der Katalog nicht.")
    expect(sheet).to_contain_text("Vielleicht wurde er herausgenommen")
    sheet.get_by_role("button", name="Schließen").click()
    expect(page.get_by_role("heading", name="Welcher Film war das noch?")).to_be_visible()


def test_a_filter_typed_as_words_can_be_made_one(visitor: Visitor) -> None:
    page = visitor.open("/?q=space genre:Horror")
    expect(page.locator("#notice")).to_contain_text("“genre:Horror” was read as words.")
    page.get_by_role("button", name="Filter by it").click()
    expect(page.locator("#notice")).to_have_text("Narrowed down (Horror): 7 films are left out. Take the filter off")
    assert said(page) == {"q": "space", "filter": "genre:Horror"}
    page = visitor.open("/?q=Mission:Impossible", locale="de-DE")
    expect(page.locator("#notice")).not_to_contain_text("gelesen")


def test_where_nothing_is_found_there_are_titles_and_examples_and_no_lone_forms(visitor: Visitor) -> None:
    page = visitor.open("/?q=ghostbust&filter=year>2090")
    expect(page.locator("#notice")).to_contain_text("Perhaps one of these films")
    expect(page.locator("#facets-fold")).to_be_hidden()
    page.locator("#notice").get_by_role("button", name="Ghostbusters", exact=True).click()
    expect(page.get_by_role("dialog", name="Ghostbusters", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("#notice").get_by_role("button", name="a submarine hunts in the deep").click()
    expect(card(page, "Das Boot")).to_be_visible()


def test_a_cover_that_is_drawn_does_not_repeat_the_title(visitor: Visitor) -> None:
    page = visitor.open(f"/?q={SAME_DAY}")
    expect(card(page, "Groundhog Day").locator(".cover svg")).to_have_count(1)
    assert page.locator("#films .cover").first.inner_text() == ""


def test_a_wide_window_is_aligned(visitor: Visitor) -> None:
    page = visitor.open(f"/?q={SAME_DAY}", viewport={"width": 1920, "height": 1080})
    expect(card(page, "Groundhog Day")).to_be_visible()
    left = "name => Math.round(document.querySelector(name).getBoundingClientRect().left)"
    assert page.evaluate(left, "#search") == page.evaluate(left, "#films") == page.evaluate(left, "#heading")
    assert page.evaluate(left, "#brand") == page.evaluate(left, ".side")


def test_a_film_opens_and_closes_and_focus_returns(visitor: Visitor) -> None:
    page = visitor.open(f"/?q={SAME_DAY}")
    link = page.get_by_role("link", name="Groundhog Day")
    link.click()
    sheet = page.get_by_role("dialog", name="Groundhog Day")
    expect(sheet).to_be_visible()
    expect(sheet).to_contain_text("by Harold Ramis")
    page.wait_for_function("() => document.activeElement.id === 'film-title'")
    assert said(page) == {"q": SAME_DAY, "film": "107"}
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(link).to_be_focused()
    page.wait_for_function("() => !location.search.includes('film=')")  # going back in the history takes a moment
    assert said(page) == {"q": SAME_DAY}


def test_back_forward_and_a_shared_address_show_the_same(visitor: Visitor) -> None:
    page = visitor.open()
    search(page, SAME_DAY)
    search(page, "a shark hunts swimmers")
    shark = titles(page)
    page.get_by_role("link", name="Jaws").click()
    expect(page.get_by_role("dialog", name="Jaws")).to_be_visible()
    shared = page.evaluate("location.search")
    page.go_back()
    expect(page.get_by_role("dialog", name="Jaws")).to_be_hidden()
    assert titles(page) == shark
    page.go_back()
    expect(page.locator("#heading")).to_contain_text(SAME_DAY)
    expect(box(page)).to_have_value(SAME_DAY)
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.go_forward()
    expect(page.locator("#heading")).to_contain_text(SAME_DAY)
    other = visitor.open(f"/{shared}")
    expect(other.get_by_role("dialog", name="Jaws")).to_be_visible()
    assert titles(other) == shark


def test_texts_of_films_stay_texts(visitor: Visitor) -> None:
    page = visitor.open()
    page.on("dialog", lambda _: visitor.wrong.append("a script ran"))
    search(page, "a clown in the attic of a bakery")
    film = page.locator("#films .film").first
    assert film.get_by_role("heading").inner_text() == MARKUP
    expect(film.locator(".plot")).to_contain_text("<script>alert(2)</script>")
    assert film.locator("script, b, i, img[src='x']").count() == 0
    film.get_by_role("button", name=re.compile("^Like")).click()
    film.get_by_role("link").click()
    expect(page.get_by_role("dialog", name=MARKUP)).to_contain_text("<i>Odd</i>")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Map").click()
    expect(page.locator("#chart")).to_be_visible()
    assert visitor.posters > 0


def points(page: Page) -> int:
    """How many pixels of the map are not its ground."""
    return int(
        page.evaluate(
            """() => {
                const canvas = document.querySelector("#chart");
                const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
                let other = 0;
                for (let i = 0; i < pixels.length; i += 4) {
                    other += Math.abs(pixels[i] - pixels[0]) + Math.abs(pixels[i + 2] - pixels[2]) > 24;
                }
                return other;
            }"""
        )
    )


def test_the_map_draws_every_film_and_lights_the_hits_up(visitor: Visitor, url: str) -> None:
    page = visitor.open("/?view=map")
    chart = page.locator("#chart")
    expect(chart).to_have_attribute("aria-label", "Map of 201 films; films of like plots lie together")
    page.wait_for_timeout(200)
    drawn = points(page)
    assert drawn > 201 * 4
    expect(page.locator("#legend li")).to_have_count(13)
    search(page, "space ship")
    hits = min(httpx.get(f"{url}/search", params={"q": "space ship"}).json()["total"], 100)
    expect(chart).to_have_attribute("data-hits", str(hits))  # earlier answers are of half the words
    expect(page.locator("#map-lit")).to_have_text(f"{hits} hits are lit up")
    page.get_by_label("Colour by").select_option("decade")
    expect(page.locator("#legend")).to_contain_text("1980s")


def test_the_map_names_its_regions_and_finds_hits_again_after_zooming(visitor: Visitor, url: str) -> None:
    named = [region for region in httpx.get(f"{url}/map").json()["regions"] if region["level"] == 0]
    assert named
    page = visitor.open("/?view=map&q=space ship&all=1")
    chart = page.locator("#chart")
    expect(chart).to_have_attribute("data-hits", "100")
    shown = str(chart.get_attribute("data-regions")).split(", ")
    assert set(shown) <= {region["name"] for region in named} | {""}
    expect(chart).to_have_attribute("data-outside", "0")
    for _ in range(6):
        page.get_by_role("button", name="Zoom in").click()
    expect(chart).not_to_have_attribute("data-outside", "0")  # arrows at the edge
    page.get_by_role("button", name="Show what was found").click()
    expect(chart).to_have_attribute("data-outside", "0")
    expect(page.locator("#legend")).to_contain_text("found")


def test_the_map_names_a_region_by_its_genre_in_the_language_of_the_page(visitor: Visitor, url: str) -> None:
    assert "War" in [region["name"] for region in httpx.get(f"{url}/map").json()["regions"]]
    chart = visitor.open("/?view=map", locale="de-DE").locator("#chart")
    expect(chart).to_have_attribute("data-regions", re.compile(r"(^|, )Krieg($|,)"))


def test_the_map_tells_what_is_pointed_at_and_opens_it(visitor: Visitor, url: str) -> None:
    drawn = httpx.get(f"{url}/map").json()
    page = visitor.open("/?view=map")
    chart = page.locator("#chart")
    expect(chart).to_be_visible()
    size = chart.evaluate("e => [e.clientWidth, e.clientHeight]")
    film = next(
        each
        for each in range(201)
        if drawn["title"][each] != MARKUP
        and min(
            max(abs(drawn["x"][each] - drawn["x"][other]), abs(drawn["y"][each] - drawn["y"][other]))
            for other in range(201)
            if other != each
        )
        > 2200
    )
    low, high = [min(drawn["x"]), min(drawn["y"])], [max(drawn["x"]), max(drawn["y"])]
    scale = 0.9 * min(size[axis] / (high[axis] - low[axis]) for axis in (0, 1))
    x, y = (
        (drawn[name][film] - (low[axis] + high[axis]) / 2) * scale + size[axis] / 2 for axis, name in enumerate("xy")
    )
    place: Position = {"x": x, "y": y}
    chart.hover(position=place)
    expect(chart).to_have_attribute("data-pointed", drawn["title"][film])
    chart.click(position=place)
    expect(page.get_by_role("dialog")).to_contain_text(drawn["title"][film])


def test_the_map_by_keyboard(visitor: Visitor) -> None:
    page = visitor.open("/?view=map")
    chart = page.locator("#chart")
    expect(chart).to_be_visible()
    before = points(page)
    chart.focus()
    for key in ("+", "+", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
    expect(page.locator("#live")).to_contain_text("In the middle: ")
    middle = page.locator("#live").inner_text().removeprefix("In the middle: ")
    assert points(page) != before
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name=middle)).to_be_visible()


def test_the_page_in_german(visitor: Visitor) -> None:
    page = visitor.open(locale="de-DE")
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcher Film war das noch?")
    assert page.evaluate("document.documentElement.lang") == "de"
    search(page, "ein Mann erlebt immer denselben Tag")
    assert titles(page)[0] == "Groundhog Day"
    assert "ein" in card(page, "Groundhog Day").locator(".plot").inner_text().lower().split()
    expect(page.get_by_text("Eingrenzen")).to_be_visible()
    page.get_by_role("button", name="Page in English").click()
    expect(page.get_by_text("Narrow down")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Narrow down")).to_be_visible()


@pytest.mark.parametrize(
    "address", ["/", "/?q=war&all=1", "/?q=war&view=map", "/?q=war&film=107", "/?like=73&like=66&dislike=1&q=sea"]
)
def test_a_phone_never_scrolls_sideways(visitor: Visitor, address: str) -> None:
    for locale in ("en-US", "de-DE"):
        page = visitor.open(address, locale=locale, **PHONE)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [390, 390]


def test_a_phone_unfolds_the_filters_and_zooms_the_map(visitor: Visitor) -> None:
    page = visitor.open("/?q=war&all=1", **PHONE)
    expect(page.locator("#facets")).to_be_hidden()
    page.locator("#facets-fold summary").tap()
    page.locator("#facets [data-key='genre:\"War\"']").tap()
    expect(page.locator("#chips")).to_contain_text("War")
    page.get_by_role("button", name="Map").tap()
    chart = page.locator("#chart")
    expect(chart).to_be_visible()
    for _ in range(4):
        page.get_by_role("button", name="Zoom in").tap()
    chart.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#live")).to_contain_text("In the middle: ")
    before = points(page)
    page.get_by_role("button", name="Show all").tap()
    page.wait_for_timeout(100)
    assert points(page) != before


def test_everything_by_keyboard(visitor: Visitor) -> None:
    page = visitor.open()
    expect(box(page)).to_be_focused()
    page.keyboard.type(SAME_DAY)
    page.keyboard.press("Enter")
    expect(card(page, "Groundhog Day")).to_be_visible()

    def reach(name: str) -> None:
        for _ in range(120):
            page.keyboard.press("Tab")
            if (
                page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent")
                == name
            ):
                return
        pytest.fail(f"no Tab reaches {name!r}")

    reach("Groundhog Day")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Groundhog Day")).to_be_visible()
    page.keyboard.press("Escape")
    reach("Like Groundhog Day")
    page.keyboard.press("Enter")
    reach("Recommend films")
    page.keyboard.press("Enter")
    expect(page.locator("#heading")).to_contain_text("for you")


def ground(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))


def test_dark_by_the_system_and_by_choice(visitor: Visitor) -> None:
    dark = visitor.open(color_scheme="dark")
    light = visitor.open(color_scheme="light")
    assert ground(dark) == "rgb(22, 20, 17)"
    assert ground(light) == "rgb(250, 248, 243)"
    theme = light.get_by_role("button", name="Colours: Auto")
    theme.click()
    light.get_by_role("button", name="Colours: Light").click()
    expect(light.get_by_role("button", name="Colours: Dark")).to_be_visible()
    assert ground(light) == ground(dark)
    light.reload()
    assert ground(light) == ground(dark)


def test_a_service_that_wants_a_key_is_given_one(browser: Browser, store: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    key = make_key(keys, "web", Role.READ)
    with service(store, keys_file=keys, require_key="always") as address:
        visiting = Visitor(browser, address, POSTER, may_refuse=True)
        page = visiting.open(f"/?q={SAME_DAY}")
        asking = page.get_by_role("dialog", name="This service wants a key")
        asking.get_by_label("API key").fill("wrong")
        asking.get_by_role("button", name="Continue").click()
        expect(asking.get_by_role("alert")).to_have_text("this API key is not known")
        asking.get_by_label("API key").fill(key)
        page.keyboard.press("Enter")
        expect(card(page, "Groundhog Day")).to_be_visible()
        page.reload()
        expect(card(page, "Groundhog Day")).to_be_visible()
        visiting.close()
        assert visiting.wrong == []


VIEWS: dict[str, Callable[[Visitor], Page]] = {
    "start": lambda visitor: visitor.open("/"),
    "light": lambda visitor: visitor.open("/?q=war&all=1&like=73&dislike=1&filter=year:1950.."),
    "dark": lambda visitor: visitor.open("/?q=war&all=1&like=73&dislike=1", color_scheme="dark"),
    "phone": lambda visitor: visitor.open("/?q=war&all=1&like=73", **PHONE),
    "map": lambda visitor: visitor.open("/?q=war&view=map"),
    "film": lambda visitor: visitor.open("/?q=war&film=107"),
    "nothing": lambda visitor: visitor.open(NOTHING),
    "close": lambda visitor: visitor.open("/?q=a sad French film about a child", **PHONE),
    "german": lambda visitor: visitor.open("/?q=krieg", locale="de-DE", color_scheme="dark"),
}


@pytest.mark.parametrize("view", VIEWS)
def test_no_serious_barrier(visitor: Visitor, view: str) -> None:
    page = VIEWS[view](visitor)
    page.wait_for_load_state("networkidle")
    found = Axe().run(page).response["violations"]
    serious = [
        f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found if each["impact"] in ("serious", "critical")
    ]
    assert serious == []
